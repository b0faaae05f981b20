async fn reserve_stock(order: OrderPlaced) -> Reservation {
    Reservation::of(order)
}
#[doc(hidden)]
#[allow(non_camel_case_types, missing_debug_implementations)]
struct reserve_stock {}
#[automatically_derived]
impl ::bindery::__private::Registration for reserve_stock {
    fn definition() -> ::bindery::__private::ListenerDefinition {
        use ::bindery::__private::probes::*;
        const ARGUMENTS: usize = ::bindery::__private::listener_argument::<
            OrderPlaced,
            _,
        >(0);
        const OUTPUTS: usize = ::bindery::__private::outputs::<
            Reservation,
            _,
            _,
        >(&|| (&&&&&::bindery::__private::Probe::<Reservation>::new()).kind());
        ::bindery::__private::ListenerDefinition::listener::<
            _,
            ::bindery::__private::Checked<((_, OrderPlaced),), ARGUMENTS>,
            ::bindery::__private::Checked<_, OUTPUTS>,
        >(
            "reserve_stock",
            reserve_stock,
            (&&&&&::bindery::__private::Probe::<Reservation>::new()).kind(),
        )
    }
}
