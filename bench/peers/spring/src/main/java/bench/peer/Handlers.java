package bench.peer;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;

import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.kafka.support.KafkaHeaders;
import org.springframework.messaging.Message;
import org.springframework.messaging.support.MessageBuilder;

/** The handlers: what a team would write, with a count in each. */
@Configuration(proxyBeanMethods = false)
public class Handlers {

    @Bean
    public Consumer<Order> consume(Meter meter) {
        return meter::order;
    }

    @Bean
    public Consumer<List<Order>> consumeBatch(Meter meter) {
        return orders -> orders.forEach(meter::order);
    }

    @Bean
    public Function<Order, Order> pipe(Meter meter) {
        return order -> {
            meter.order(order);
            return order.priced();
        };
    }

    /** Each message of the list is sent on its own; of a batch from Kafka the headers are lists. */
    @Bean
    public Function<Message<List<Order>>, List<Message<Order>>> pipeBatch(Meter meter) {
        return batch -> {
            List<?> keys = batch.getHeaders().get(KafkaHeaders.RECEIVED_KEY, List.class);
            List<Order> orders = batch.getPayload();
            List<Message<Order>> priced = new ArrayList<>(orders.size());
            for (int i = 0; i < orders.size(); i++) {
                Order order = orders.get(i);
                meter.order(order);
                MessageBuilder<Order> message = MessageBuilder.withPayload(order.priced());
                if (keys != null) {
                    message.setHeader(KafkaHeaders.KEY, keys.get(i));
                }
                priced.add(message.build());
            }
            return priced;
        };
    }
}
