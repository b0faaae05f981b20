fn main() -> ::std::process::ExitCode {
    async fn main() -> bindery::Result {
        Application::new().run().await
    }
    ::bindery::__private::run_main(main())
}
