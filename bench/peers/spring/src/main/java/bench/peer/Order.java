package bench.peer;

import java.util.List;

/** The message: an order that says where it stands in its partition or queue. Amounts are cents. */
public record Order(long id, int partition, long sequence, long sent, String customer, long amount,
        List<OrderLine> lines, String note) {

    /** A position of an order. */
    public record OrderLine(String sku, int quantity, long price) {
    }

    /** What a service makes of it: the same order with its sum. */
    public Order priced() {
        long sum = lines.stream().mapToLong(line -> line.quantity() * line.price()).sum();
        return new Order(id, partition, sequence, sent, customer, sum, lines, note);
    }
}
