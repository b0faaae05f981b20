//! Async functions as listeners: arguments in, the function's own future, its result out.

use std::marker::PhantomData;

use futures_core::Stream;

use super::{Call, Convert, FromInvocation, Invocation, Listener, Outcome, States};
use crate::{Error, HandlerError};

/// An async function whose arguments can all be extracted. `Args` only keeps the implementations apart.
#[diagnostic::on_unimplemented(
    message = "this function can't be a stream listener",
    note = "a listener is an `async fn` with at most eight arguments, whose future is `Send`"
)]
pub trait Handler<Args>: Send + Sync + 'static {
    /// What the function returns.
    type Result;
    /// How many of its arguments take the payload.
    const PAYLOADS: usize;
    /// Whether it takes batches.
    const BATCH: bool;
    /// Whether it settles by hand.
    const MANUAL: bool;

    /// Extracts the arguments and calls the function.
    ///
    /// # Errors
    /// When an argument can't be extracted; the function wasn't called.
    fn invoke(
        &self,
        invocation: &Invocation,
    ) -> Result<impl Future<Output = Self::Result> + Send + 'static, HandlerError>;

    /// Checks that the application has what the function needs.
    ///
    /// # Errors
    /// When it doesn't.
    fn check(&self, states: &States) -> Result<(), Error>;
}

macro_rules! handler {
    ($($argument:ident $via:ident),*) => {
        #[allow(non_snake_case, unused_variables, clippy::unused_self)]
        impl<Function, Running, Answer, $($argument, $via),*> Handler<($(($via, $argument),)*)> for Function
        where
            Function: Fn($($argument),*) -> Running + Send + Sync + 'static,
            Running: Future<Output = Answer> + Send + 'static,
            $($argument: FromInvocation<$via>,)*
        {
            type Result = Answer;
            const PAYLOADS: usize = 0 $(+ <$argument as FromInvocation<$via>>::PAYLOADS)*;
            const BATCH: bool = false $(|| <$argument as FromInvocation<$via>>::BATCH)*;
            const MANUAL: bool = false $(|| <$argument as FromInvocation<$via>>::MANUAL)*;

            fn invoke(
                &self,
                invocation: &Invocation,
            ) -> Result<impl Future<Output = Answer> + Send + 'static, HandlerError> {
                $(let $argument = <$argument as FromInvocation<$via>>::from_invocation(invocation)?;)*
                Ok(self($($argument),*))
            }

            fn check(&self, states: &States) -> Result<(), Error> {
                $(<$argument as FromInvocation<$via>>::check(states)?;)*
                Ok(())
            }
        }
    };
}

handler!();
handler!(A1 V1);
handler!(A1 V1, A2 V2);
handler!(A1 V1, A2 V2, A3 V3);
handler!(A1 V1, A2 V2, A3 V3, A4 V4);
handler!(A1 V1, A2 V2, A3 V3, A4 V4, A5 V5);
handler!(A1 V1, A2 V2, A3 V3, A4 V4, A5 V5, A6 V6);
handler!(A1 V1, A2 V2, A3 V3, A4 V4, A5 V5, A6 V6, A7 V7);
handler!(A1 V1, A2 V2, A3 V3, A4 V4, A5 V5, A6 V6, A7 V7, A8 V8);

/// A handler together with the way its result becomes outputs.
#[derive(Debug)]
pub struct FunctionListener<F, Args, K> {
    function: F,
    kind: PhantomData<fn(Args) -> K>,
}

impl<F, Args, K> FunctionListener<F, Args, K>
where
    F: Handler<Args>,
    K: Convert<F::Result>,
{
    /// Wraps a function; `kind` says what its result means.
    pub fn new(function: F, _kind: K) -> Self {
        const {
            assert!(
                F::PAYLOADS <= 1,
                "a stream listener takes at most one payload: the other arguments come from headers, key or state"
            );
        }
        Self {
            function,
            kind: PhantomData,
        }
    }

    /// The function.
    pub fn function(&self) -> &F {
        &self.function
    }
}

impl<F, Args, K> Listener for FunctionListener<F, Args, K>
where
    F: Handler<Args>,
    K: Convert<F::Result> + 'static,
    Args: 'static,
    F::Result: 'static,
{
    fn call(&self, invocation: &Invocation, call: &mut Call) {
        match self.function.invoke(invocation) {
            Ok(running) => {
                let context = invocation.context.clone();
                call.set(async move {
                    match K::convert(running.await, &context) {
                        Ok(outputs) => Outcome::Done(outputs),
                        Err(error) => Outcome::Failed(error),
                    }
                });
            }
            Err(error) => call.set(std::future::ready(Outcome::Failed(error))),
        }
    }
}

/// A function that returns a stream: a supplier that isn't polled at an interval.
pub trait StreamFunction<Args>: Send + Sync + 'static {
    /// What the stream yields.
    type Item;

    /// Calls the function.
    ///
    /// # Errors
    /// When an argument can't be extracted.
    fn start(
        &self,
        invocation: &Invocation,
    ) -> Result<impl Stream<Item = Self::Item> + Send + 'static, HandlerError>;

    /// Checks that the application has what the function needs.
    ///
    /// # Errors
    /// When it doesn't.
    fn check(&self, states: &States) -> Result<(), Error>;
}

macro_rules! stream_function {
    ($($argument:ident $via:ident),*) => {
        #[allow(non_snake_case, unused_variables, clippy::unused_self)]
        impl<Function, Items, Item, $($argument, $via),*> StreamFunction<($(($via, $argument),)*)> for Function
        where
            Function: Fn($($argument),*) -> Items + Send + Sync + 'static,
            Items: Stream<Item = Item> + Send + 'static,
            $($argument: FromInvocation<$via>,)*
        {
            type Item = Item;

            fn start(
                &self,
                invocation: &Invocation,
            ) -> Result<impl Stream<Item = Item> + Send + 'static, HandlerError> {
                $(let $argument = <$argument as FromInvocation<$via>>::from_invocation(invocation)?;)*
                Ok(self($($argument),*))
            }

            fn check(&self, states: &States) -> Result<(), Error> {
                $(<$argument as FromInvocation<$via>>::check(states)?;)*
                Ok(())
            }
        }
    };
}

stream_function!();
stream_function!(A1 V1);
stream_function!(A1 V1, A2 V2);
stream_function!(A1 V1, A2 V2, A3 V3);
