package bench.peer;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;

/**
 * The scenarios of the benches on Spring Cloud Stream. {@code BENCH_SCENARIO} is the profile that says which one;
 * {@code BENCH_TUNED=1} adds the profile of the same name that ends in {@code -tuned}, see {@code ../README.md}.
 */
@SpringBootApplication
public class PeerApplication {

    public static void main(String[] arguments) {
        Meter meter = new Meter();
        meter.tell();
        String scenario = System.getenv("BENCH_SCENARIO");
        // Else a `config/application.yaml` of the directory that it is started in would be read as well.
        System.setProperty("spring.config.location", "classpath:/application.yaml");
        SpringApplication application = new SpringApplication(PeerApplication.class);
        application.setAdditionalProfiles("1".equals(System.getenv("BENCH_TUNED"))
                ? new String[] {scenario.split("-")[0], scenario, scenario + "-tuned"}
                : new String[] {scenario.split("-")[0], scenario});
        application.addInitializers(context -> context.getBeanFactory().registerSingleton("meter", meter));
        application.run(arguments);
        // These run when SIGTERM has closed the context, that is, when the containers have settled everything. The
        // virtual machine would end with 143.
        SpringApplication.getShutdownHandlers().add(() -> {
            meter.end();
            Runtime.getRuntime().halt(0);
        });
    }
}
