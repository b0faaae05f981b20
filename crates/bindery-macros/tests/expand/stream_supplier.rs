fn ticks(clock: State<Clock>) -> BoxStream<'static, Tick> {
    clock.ticks()
}
#[doc(hidden)]
#[allow(non_camel_case_types, missing_debug_implementations)]
struct ticks {}
#[automatically_derived]
impl ::bindery::__private::Registration for ticks {
    fn definition() -> ::bindery::__private::ListenerDefinition {
        use ::bindery::__private::probes::*;
        const ARGUMENTS: usize = ::bindery::__private::supplier_argument::<
            State<Clock>,
            _,
        >(::bindery::__private::supplier_stream::<BoxStream<'static, Tick>>());
        const OUTPUTS: usize = ::bindery::__private::outputs::<
            <::bindery::__private::Checked<
                BoxStream<'static, Tick>,
                ARGUMENTS,
            > as ::bindery::__private::Items>::Item,
            _,
            _,
        >(
            &|| {
                (&&&&&::bindery::__private::Probe::<
                    <::bindery::__private::Checked<
                        BoxStream<'static, Tick>,
                        ARGUMENTS,
                    > as ::bindery::__private::Items>::Item,
                >::new())
                    .kind()
            },
        );
        ::bindery::__private::ListenerDefinition::stream::<
            _,
            ::bindery::__private::Checked<((_, State<Clock>),), ARGUMENTS>,
            ::bindery::__private::Checked<_, OUTPUTS>,
        >(
            "ticks",
            ticks,
            (&&&&&::bindery::__private::Probe::<
                <::bindery::__private::Checked<
                    BoxStream<'static, Tick>,
                    ARGUMENTS,
                > as ::bindery::__private::Items>::Item,
            >::new())
                .kind(),
        )
    }
}
