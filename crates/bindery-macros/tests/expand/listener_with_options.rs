/// Sorts orders.
#[cfg(feature = "sorting")]
pub(crate) async fn route(
    order: Order,
    headers: Headers,
    rules: State<Rules>,
) -> (Option<Order>, Option<Order>) {
    rules.apply(order, &headers)
}
#[cfg(feature = "sorting")]
#[doc(hidden)]
#[allow(non_camel_case_types, missing_debug_implementations)]
pub(crate) struct route {}
#[cfg(feature = "sorting")]
#[automatically_derived]
impl ::bindery::__private::Registration for route {
    fn definition() -> ::bindery::__private::ListenerDefinition {
        use ::bindery::__private::probes::*;
        const ARGUMENTS: usize = ::bindery::__private::listener_argument::<
            State<Rules>,
            _,
        >(
            ::bindery::__private::listener_argument::<
                Headers,
                _,
            >(::bindery::__private::listener_argument::<Order, _>(0)),
        );
        const OUTPUTS: usize = ::bindery::__private::outputs::<
            (Option<Order>, Option<Order>),
            _,
            _,
        >(
            &|| {
                (&&&&&::bindery::__private::Probe::<
                    (Option<Order>, Option<Order>),
                >::new())
                    .kind()
            },
        );
        const _: () = ::core::assert!(
            2 <= OUTPUTS,
            "more outputs are named than the result has: a listener publishes what it returns; `()` is nothing, a tuple is one message for each output"
        );
        ::bindery::__private::ListenerDefinition::listener::<
            _,
            ::bindery::__private::Checked<
                ((_, Order), (_, Headers), (_, State<Rules>)),
                ARGUMENTS,
            >,
            ::bindery::__private::Checked<_, OUTPUTS>,
        >(
                "sort",
                route,
                (&&&&&::bindery::__private::Probe::<
                    (Option<Order>, Option<Order>),
                >::new())
                    .kind(),
            )
            .with_input("orders")
            .with_outputs(&["accepted", "refused"])
    }
}
