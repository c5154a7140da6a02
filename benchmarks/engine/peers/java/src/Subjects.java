import com.alibaba.fastjson2.JSON;
import com.alibaba.fastjson2.JSONObject;
import com.alibaba.fastjson2.JSONWriter;
import com.fasterxml.jackson.databind.ObjectMapper;
import groovy.lang.GroovyClassLoader;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.codehaus.janino.ClassLoaderIClassLoader;
import org.codehaus.janino.SimpleCompiler;
import software.amazon.event.ruler.Machine;

/** The engines under test. Each compiles its rules once and parses each event once. */
final class Subjects {
    static final int CHUNK = 50; // rules a method: far below what the JIT still compiles

    interface Subject {
        void load(List<Rules.Rule> rules) throws Exception;

        /** Parse and match; with {@code out}, put out a row for each match. Return the matches. */
        int run(byte[] event, ByteArrayOutputStream out) throws Exception;

        /** Replace a rule by another of the same event and app. */
        default void update(Rules.Rule rule) throws Exception {
            throw new UnsupportedOperationException();
        }
    }

    static Subject of(String name) {
        return switch (name) {
            case "Janino, (event, app) index" -> new Compiled(true, false);
            case "Janino, event index" -> new Compiled(false, false);
            case "Groovy @CompileStatic, event index" -> new Compiled(false, true);
            case "Groovy scripts, Jackson map" -> new Scripts();
            case "event-ruler" -> new Ruler();
            default -> throw new IllegalArgumentException(name);
        };
    }

    /** Janino or static Groovy over a fastjson2 map. */
    static final class Compiled implements Subject, Rules.Sink {
        private final boolean byApp;
        private final boolean groovy;
        private final Map<String, Map<String, List<Rules.Rule>>> rules = new HashMap<>();
        private final Map<String, Map<String, Rules.Bucket[]>> index = new HashMap<>();
        private ByteArrayOutputStream out;
        private int number;

        Compiled(boolean byApp, boolean groovy) {
            this.byApp = byApp;
            this.groovy = groovy;
        }

        @Override
        public void load(List<Rules.Rule> all) throws Exception {
            for (Rules.Rule rule : all) {
                rules.computeIfAbsent(rule.event(), k -> new HashMap<>())
                        .computeIfAbsent(byApp ? rule.app() : "", k -> new ArrayList<>()).add(rule);
            }
            for (Map.Entry<String, Map<String, List<Rules.Rule>>> event : rules.entrySet()) {
                Map<String, Rules.Bucket[]> apps = new HashMap<>();
                for (Map.Entry<String, List<Rules.Rule>> app : event.getValue().entrySet()) {
                    apps.put(app.getKey(), compile(app.getValue()));
                }
                index.put(event.getKey(), apps);
            }
        }

        @Override
        public int run(byte[] data, ByteArrayOutputStream to) {
            JSONObject event = JSON.parseObject(data);
            Map<String, Rules.Bucket[]> apps = index.get((String) event.get("event"));
            if (apps == null) return 0;
            String app = byApp ? (String) ((JSONObject) event.get("how")).get("app") : "";
            Rules.Bucket[] buckets = apps.get(app);
            if (buckets == null) return 0;
            out = to;
            int matches = 0;
            for (Rules.Bucket bucket : buckets) matches += bucket.match(event, to == null ? null : this);
            return matches;
        }

        @Override
        @SuppressWarnings("unchecked")
        public void row(Map<String, Object> event) {
            try (JSONWriter writer = JSONWriter.ofUTF8()) {
                writer.startObject();
                name(writer, "id");
                writer.writeAny(event.get("id"));
                name(writer, "user");
                writer.writeAny(((Map<String, Object>) event.get("who")).get("user_id"));
                Map<String, Object> what = (Map<String, Object>) event.get("what");
                name(writer, "value");
                writer.writeAny(((Map<String, Object>) what.get("total")).get("value"));
                name(writer, "page");
                writer.writeAny(((Map<String, Object>) event.get("where")).get("page"));
                name(writer, "items");
                writer.writeAny(what.get("items"));
                writer.endObject();
                out.writeBytes(writer.getBytes());
                out.write('\n');
            }
        }

        private static void name(JSONWriter writer, String name) {
            writer.writeName(name);
            writer.writeColon();
        }

        @Override
        public void update(Rules.Rule rule) throws Exception {
            String app = byApp ? rule.app() : "";
            List<Rules.Rule> held = rules.get(rule.event()).get(app);
            for (int i = 0; i < held.size(); i++) {
                if (held.get(i).name().equals(rule.name())) {
                    held.set(i, rule);
                    int chunk = i / CHUNK;
                    Rules.Bucket[] buckets = index.get(rule.event()).get(app).clone();
                    buckets[chunk] = bucket(held.subList(chunk * CHUNK, Math.min(held.size(), chunk * CHUNK + CHUNK)));
                    index.get(rule.event()).put(app, buckets);
                }
            }
        }

        private Rules.Bucket[] compile(List<Rules.Rule> some) throws Exception {
            List<Rules.Bucket> found = new ArrayList<>();
            for (int start = 0; start < some.size(); start += CHUNK) {
                found.add(bucket(some.subList(start, Math.min(some.size(), start + CHUNK))));
            }
            return found.toArray(new Rules.Bucket[0]);
        }

        private Rules.Bucket bucket(List<Rules.Rule> some) throws Exception {
            String name = "B" + number++;
            String source = (groovy ? "@groovy.transform.CompileStatic\n" : "") + "public class " + name
                    + " extends Rules.Bucket {\n" + Rules.patterns(some)
                    + "public int match(java.util.Map event, Rules.Sink sink) {\n"
                    + Rules.body(some, !byApp) + "}\n}\n";
            source = source.replace("Rules.Bucket", "Rules$Bucket").replace("Rules.Sink", "Rules$Sink");
            Class<?> type;
            if (groovy) {
                type = new GroovyClassLoader(getClass().getClassLoader())
                        .parseClass(source.replace("Rules$", "Rules."), name + ".groovy");
            } else {
                SimpleCompiler compiler = new SimpleCompiler();
                compiler.setParentClassLoader(getClass().getClassLoader());
                compiler.cook(source.replace("Rules$", "Rules."));
                type = compiler.getClassLoader().loadClass(name);
            }
            return (Rules.Bucket) type.getDeclaredConstructor().newInstance();
        }
    }

    /** Dynamic Groovy over a Jackson map, as rule engines of many houses began. */
    static final class Scripts implements Subject, Rules.Sink {
        private final ObjectMapper mapper = new ObjectMapper();
        private final Map<String, List<Rules.Bucket>> index = new HashMap<>();
        private ByteArrayOutputStream out;

        @Override
        public void load(List<Rules.Rule> all) throws Exception {
            Map<String, List<Rules.Rule>> byEvent = new HashMap<>();
            for (Rules.Rule rule : all) byEvent.computeIfAbsent(rule.event(), k -> new ArrayList<>()).add(rule);
            int number = 0;
            for (Map.Entry<String, List<Rules.Rule>> entry : byEvent.entrySet()) {
                List<Rules.Bucket> found = new ArrayList<>();
                List<Rules.Rule> some = entry.getValue();
                for (int start = 0; start < some.size(); start += CHUNK) {
                    StringBuilder text = new StringBuilder("class S" + number + " extends Rules.Bucket {\n"
                            + "int match(Map event, Rules.Sink sink) {\nint n = 0\n");
                    for (Rules.Rule rule : some.subList(start, Math.min(some.size(), start + CHUNK))) {
                        text.append("if (").append(Rules.groovy(rule)).append(") { n++; sink?.row(event) }\n");
                    }
                    text.append("return n\n}\n}\n");
                    Class<?> type = new GroovyClassLoader(getClass().getClassLoader())
                            .parseClass(text.toString(), "S" + number++ + ".groovy");
                    found.add((Rules.Bucket) type.getDeclaredConstructor().newInstance());
                }
                index.put(entry.getKey(), found);
            }
        }

        @Override
        @SuppressWarnings("unchecked")
        public int run(byte[] data, ByteArrayOutputStream to) throws Exception {
            Map<String, Object> event = mapper.readValue(data, Map.class);
            List<Rules.Bucket> buckets = index.get(event.get("event"));
            if (buckets == null) return 0;
            out = to;
            int matches = 0;
            for (Rules.Bucket bucket : buckets) matches += bucket.match(event, to == null ? null : this);
            return matches;
        }

        @Override
        @SuppressWarnings("unchecked")
        public void row(Map<String, Object> event) {
            Map<String, Object> what = (Map<String, Object>) event.get("what");
            Map<String, Object> row = new LinkedHashMap<>();
            row.put("id", event.get("id"));
            row.put("user", ((Map<String, Object>) event.get("who")).get("user_id"));
            row.put("value", ((Map<String, Object>) what.get("total")).get("value"));
            row.put("page", ((Map<String, Object>) event.get("where")).get("page"));
            row.put("items", what.get("items"));
            try {
                out.writeBytes(mapper.writeValueAsBytes(row));
                out.write('\n');
            } catch (Exception error) {
                throw new IllegalStateException(error);
            }
        }
    }

    /** event-ruler matches and projects nothing. */
    static final class Ruler implements Subject {
        private final Machine machine = new Machine();

        @Override
        public void load(List<Rules.Rule> rules) throws Exception {
            for (Rules.Rule rule : rules) machine.addRule(rule.name(), pattern(rule));
        }

        @Override
        public int run(byte[] event, ByteArrayOutputStream out) throws Exception {
            return machine.rulesForJSONEvent(new String(event, java.nio.charset.StandardCharsets.UTF_8)).size();
        }

        @Override
        public void update(Rules.Rule rule) throws Exception {
            machine.deleteRule(rule.name(), pattern(held.get(rule.name())));
            machine.addRule(rule.name(), pattern(rule));
            held.put(rule.name(), rule);
        }

        final Map<String, Rules.Rule> held = new HashMap<>();

        private static String pattern(Rules.Rule rule) {
            JSONObject root = new JSONObject();
            put(root, "event", List.of(rule.event()));
            put(root, "how.app", List.of(rule.app()));
            for (Rules.Condition condition : rule.conditions()) {
                Object value = condition.value();
                Object pattern = switch (condition.op()) {
                    case "gt" -> List.of(Map.of("numeric", List.of(">", value)));
                    case "between" -> {
                        List<?> limits = (List<?>) value;
                        yield List.of(Map.of("numeric", List.of(">=", limits.get(0), "<=", limits.get(1))));
                    }
                    case "eq" -> List.of(value);
                    case "in" -> value;
                    case "prefix" -> List.of(Map.of("prefix", value));
                    default -> throw new IllegalArgumentException(condition.op());
                };
                put(root, condition.path(), pattern);
            }
            return root.toJSONString();
        }

        private static void put(JSONObject root, String path, Object pattern) {
            String[] parts = path.split("\\.");
            JSONObject holder = root;
            for (int i = 0; i + 1 < parts.length; i++) {
                holder = (JSONObject) holder.computeIfAbsent(parts[i], k -> new JSONObject());
            }
            holder.put(parts[parts.length - 1], pattern);
        }
    }
}
