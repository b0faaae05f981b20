package bench.peer;

import java.util.concurrent.atomic.AtomicLongArray;

/** Counts what was handled, checks the order, and tells the harness each 50 ms. */
public final class Meter {

    private static final int PARTITIONS = 1_024;
    /** Longs on a cache line, so that the threads of two partitions don't share one. */
    private static final int STRIDE = 8;
    private static final int HANDLED = 0;
    private static final int NEXT = 1;
    private static final int DISORDER = 2;

    private final long began = System.nanoTime();
    private final AtomicLongArray slots = new AtomicLongArray(PARTITIONS * STRIDE);

    /** One order was handled. Orders of one partition come one after another, whichever thread handles them. */
    public void order(Order order) {
        int slot = (order.partition() % PARTITIONS) * STRIDE;
        long expected = slots.getPlain(slot + NEXT);
        if (expected != 0 && order.sequence() != expected) {
            slots.setOpaque(slot + DISORDER, slots.getPlain(slot + DISORDER) + 1);
        }
        slots.setOpaque(slot + NEXT, order.sequence() + 1);
        slots.setOpaque(slot + HANDLED, slots.getPlain(slot + HANDLED) + 1);
    }

    /** Tells the harness each 50 ms, until the process ends. */
    public void tell() {
        Thread teller = new Thread(() -> {
            while (true) {
                try {
                    Thread.sleep(50);
                } catch (InterruptedException interrupted) {
                    return;
                }
                long micros = (System.nanoTime() - began) / 1_000;
                say("progress " + micros + " " + sum(HANDLED));
            }
        }, "meter");
        teller.setDaemon(true);
        teller.start();
    }

    /** The last line, when everything is settled. */
    public void end() {
        say("end " + sum(HANDLED) + " " + sum(DISORDER));
    }

    private long sum(int what) {
        long sum = 0;
        for (int partition = 0; partition < PARTITIONS; partition++) {
            sum += slots.getOpaque(partition * STRIDE + what);
        }
        return sum;
    }

    private static void say(String line) {
        System.out.println(line);
        System.out.flush();
    }
}
