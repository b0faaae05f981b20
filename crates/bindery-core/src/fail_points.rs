//! Fail points: named places between receive and settle where a fault bench ends the process.
//!
//! With the cargo feature `failpoints`, the variable `FAILPOINTS` says what happens where, in the syntax of the `fail`
//! crate: `after-handler=200*off->return` passes the place 200 times and ends the process the next time. `return` ends
//! it on the spot, as a kill does; `sleep(20)`, `delay(20)`, `print`, `panic` and a probability (`1%return`) work as
//! that crate says. Without the feature a fail point is nothing at all.

/// A place where a fault bench may end the process. Expands to nothing without the feature `failpoints`.
#[doc(hidden)]
#[macro_export]
#[cfg(feature = "failpoints")]
macro_rules! fail_point {
    ($name:literal) => {
        $crate::fail_points::reach($name)
    };
}

/// A place where a fault bench may end the process. Expands to nothing without the feature `failpoints`.
#[doc(hidden)]
#[macro_export]
#[cfg(not(feature = "failpoints"))]
macro_rules! fail_point {
    ($name:literal) => {};
}

/// Reads `FAILPOINTS`, the first time it is called. Without the feature `failpoints` it does nothing.
#[doc(hidden)]
pub fn arm() {
    #[cfg(feature = "failpoints")]
    {
        static ARMED: std::sync::Once = std::sync::Once::new();
        // A scenario clears the fail points when it is dropped; this one lasts as long as the process.
        ARMED.call_once(|| std::mem::forget(fail::FailScenario::setup()));
    }
}

/// Does what is asked for at `name`: `return` ends the process without unwinding, flushing or saying goodbye.
#[doc(hidden)]
#[cfg(feature = "failpoints")]
pub fn reach(name: &str) {
    fail::fail_point!(name, |_| {
        eprintln!("fail point `{name}` ends the process");
        std::process::abort()
    });
}

#[cfg(all(test, feature = "failpoints"))]
mod tests {
    use std::process::Command;

    /// Not a test of its own: what the test below runs in a process that may end.
    const CHILD: &str = "BINDERY_FAIL_POINT_CHILD";

    #[test]
    fn a_fail_point_ends_the_process_when_its_turn_comes() {
        if std::env::var_os(CHILD).is_some() {
            super::arm();
            for pass in 0..3 {
                println!("pass {pass}");
                crate::fail_point!("here");
            }
            return;
        }
        let run = |points: &str| {
            let output = Command::new(std::env::current_exe().unwrap())
                .args([
                    "fail_points::tests::a_fail_point_ends_the_process_when_its_turn_comes",
                    "--exact",
                    "--nocapture",
                ])
                .env(CHILD, "1")
                .env("FAILPOINTS", points)
                .output()
                .unwrap();
            let passes = String::from_utf8_lossy(&output.stdout).matches("pass ").count();
            (passes, output.status.success())
        };
        assert_eq!(run("here=1*off->return"), (2, false));
        assert_eq!(run("elsewhere=return"), (3, true));
    }
}
