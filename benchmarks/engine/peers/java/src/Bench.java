import com.sun.management.OperatingSystemMXBean;
import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Bench FOLDER SUBJECT MODE SECONDS ROWS: runs a subject over a case's events; prints one JSON object. */
public final class Bench {
    private static final double WARM_UP_S = 3.0;
    private static final OperatingSystemMXBean SYSTEM =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    public static void main(String[] arguments) throws Exception {
        Path folder = Path.of(arguments[0]);
        Subjects.Subject subject = Subjects.of(arguments[1]);
        String mode = arguments[2];
        double seconds = Double.parseDouble(arguments[3]);
        List<byte[]> events = new ArrayList<>();
        for (String line : Files.readAllLines(folder.resolve("events.ndjson"))) events.add(line.getBytes("UTF-8"));
        List<Rules.Rule> rules = Rules.read(folder.resolve("rules.json"));
        if (subject instanceof Subjects.Ruler ruler) for (Rules.Rule rule : rules) ruler.held.put(rule.name(), rule);
        subject.load(rules);
        if (mode.equals("update")) {
            update(subject, rules, events);
            return;
        }
        boolean bytes = mode.equals("bytes");
        ByteArrayOutputStream out = bytes ? new ByteArrayOutputStream(1 << 20) : null;
        int matches = pass(subject, events, out);
        try (OutputStream file = Files.newOutputStream(Path.of(arguments[4]))) {
            if (out != null) out.writeTo(file);
        }
        long until = System.nanoTime() + (long) (WARM_UP_S * 1e9);
        while (System.nanoTime() < until) pass(subject, events, out);
        double used = used();
        long wall = System.nanoTime();
        long cpu = SYSTEM.getProcessCpuTime();
        long count = 0;
        while (SYSTEM.getProcessCpuTime() - cpu < seconds * 1e9) {
            pass(subject, events, out);
            count += events.size();
        }
        double spent = (SYSTEM.getProcessCpuTime() - cpu) / 1e9;
        System.out.printf(
                "{\"events\": %d, \"cpu_s\": %.3f, \"wall_s\": %.3f, \"memory_mb\": %.1f, \"matches\": %d}%n",
                count, spent, (System.nanoTime() - wall) / 1e9, used, matches);
    }

    /** Live objects and classes, in MB; without what the JIT compiled. */
    private static double used() {
        System.gc();
        System.gc();
        double used = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
        for (MemoryPoolMXBean pool : ManagementFactory.getMemoryPoolMXBeans()) {
            if (pool.getName().contains("Metaspace")) used += pool.getUsage().getUsed();
        }
        return used / 1e6;
    }

    private static int pass(Subjects.Subject subject, List<byte[]> events, ByteArrayOutputStream out) throws Exception {
        if (out != null) out.reset();
        int matches = 0;
        for (byte[] event : events) matches += subject.run(event, out);
        return matches;
    }

    private static void update(Subjects.Subject subject, List<Rules.Rule> rules, List<byte[]> events) throws Exception {
        Map<String, byte[]> byPair = new HashMap<>();
        for (byte[] event : events) {
            com.alibaba.fastjson2.JSONObject found = com.alibaba.fastjson2.JSON.parseObject(event);
            byPair.put(found.getString("event") + "/" + found.getJSONObject("how").getString("app"), event);
        }
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        pass(subject, events, out);
        List<Double> spent = new ArrayList<>();
        int pairs = Math.min(rules.size(), 1000);
        for (int turn = 0; turn < 200; turn++) {
            int number = turn * 37 % pairs;
            Rules.Rule old = rules.get(number);
            Rules.Rule other = rules.get((number + 1) % rules.size());
            byte[] event = byPair.get(old.event() + "/" + old.app());
            if (event == null) continue;
            Rules.Rule changed = new Rules.Rule(old.name(), old.event(), old.app(), other.conditions());
            long started = System.nanoTime();
            subject.update(changed);
            out.reset();
            subject.run(event, subject instanceof Subjects.Ruler ? null : out);
            if (turn >= 100) spent.add((System.nanoTime() - started) / 1e6);
        }
        double[] sorted = spent.stream().mapToDouble(Double::doubleValue).toArray();
        Arrays.sort(sorted);
        System.out.printf("{\"p50\": %.3f, \"p99\": %.3f}%n",
                sorted[sorted.length / 2], sorted[(int) (sorted.length * 0.99)]);
    }

    private Bench() {}
}
