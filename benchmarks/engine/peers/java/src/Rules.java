import com.alibaba.fastjson2.JSON;
import com.alibaba.fastjson2.JSONArray;
import com.alibaba.fastjson2.JSONObject;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The rules of a case, and the source of a compiled bucket of them, good for Java and Groovy. */
final class Rules {
    record Condition(String path, String op, Object value) {}

    record Rule(String name, String event, String app, List<Condition> conditions) {}

    /** What compiled code extends: tries its rules on one event, returns how many hold. */
    public abstract static class Bucket {
        public abstract int match(Map<String, Object> event, Sink sink);
    }

    /** Takes an event that a rule selected. */
    public interface Sink {
        void row(Map<String, Object> event);
    }

    static List<Rule> read(Path file) throws Exception {
        List<Rule> rules = new ArrayList<>();
        for (Object item : JSON.parseArray(Files.readString(file))) {
            JSONObject rule = (JSONObject) item;
            List<Condition> conditions = new ArrayList<>();
            for (Object one : rule.getJSONArray("conditions")) {
                JSONObject condition = (JSONObject) one;
                conditions.add(new Condition(
                        condition.getString("path"), condition.getString("op"), condition.get("value")));
            }
            rules.add(new Rule(
                    rule.getString("name"), rule.getString("event"), rule.getString("app"), conditions));
        }
        return rules;
    }

    static String quoted(Object text) {
        return '"' + text.toString().replace("\\", "\\\\").replace("\"", "\\\"").replace("$", "\\u0024") + '"';
    }

    private static final String[] NUMBERS = {"what.total.value", "how.seq"};

    static boolean isNumber(String path) {
        for (String number : NUMBERS) if (number.equals(path)) return true;
        return false;
    }

    /** The body of {@code match}: each field is read once, then each rule is one condition over them. */
    static String body(List<Rule> rules, boolean withApp) {
        StringBuilder text = new StringBuilder();
        Map<String, String> fields = new LinkedHashMap<>();
        StringBuilder tests = new StringBuilder();
        for (Rule rule : rules) {
            List<String> terms = new ArrayList<>();
            if (withApp) terms.add(term(new Condition("how.app", "eq", rule.app()), fields));
            for (Condition condition : rule.conditions()) terms.add(term(condition, fields));
            tests.append("if (").append(String.join(" && ", terms)).append(") { n++; if (sink != null) sink.row(event); }\n");
        }
        Map<String, String> holders = new LinkedHashMap<>();
        for (Map.Entry<String, String> field : fields.entrySet()) {
            String[] parts = field.getKey().split("\\.");
            String holder = "event";
            String path = "";
            for (int i = 0; i + 1 < parts.length; i++) {
                path += "_" + parts[i];
                String name = holders.get(path);
                if (name == null) {
                    name = "h" + path;
                    holders.put(path, name);
                    text.append("java.util.Map ").append(name).append(" = (java.util.Map) (").append(holder)
                            .append(" == null ? null : ").append(holder).append(".get(\"").append(parts[i]).append("\"));\n");
                }
                holder = name;
            }
            String got = holder + " == null ? null : " + holder + ".get(\"" + parts[parts.length - 1] + "\")";
            if (isNumber(field.getKey())) {
                text.append("Number o").append(field.getValue()).append(" = (Number) (").append(got).append(");\n");
                text.append("double ").append(field.getValue()).append(" = o").append(field.getValue())
                        .append(" == null ? Double.NaN : o").append(field.getValue()).append(".doubleValue();\n");
            } else {
                text.append("String ").append(field.getValue()).append(" = (String) (").append(got).append(");\n");
            }
        }
        return text + "int n = 0;\n" + tests + "return n;\n";
    }

    /** The patterns of a bucket, as fields. */
    static String patterns(List<Rule> rules) {
        StringBuilder text = new StringBuilder();
        for (Rule rule : rules) {
            for (Condition condition : rule.conditions()) {
                if (condition.op().equals("matches")) {
                    text.append("static final java.util.regex.Pattern ").append(pattern(condition))
                            .append(" = java.util.regex.Pattern.compile(").append(quoted(condition.value())).append(");\n");
                }
            }
        }
        String[] lines = text.toString().split("\n");
        return String.join("\n", new java.util.LinkedHashSet<>(List.of(lines))) + "\n";
    }

    private static String pattern(Condition condition) {
        return "P" + Integer.toHexString(condition.value().hashCode());
    }

    private static String term(Condition condition, Map<String, String> fields) {
        String field = fields.computeIfAbsent(condition.path(), path -> "f_" + path.replace('.', '_'));
        Object value = condition.value();
        switch (condition.op()) {
            case "gt":
                return field + " > " + ((Number) value).doubleValue() + "d";
            case "between":
                JSONArray limits = (JSONArray) value;
                return field + " >= " + limits.getDoubleValue(0) + "d && " + field + " <= " + limits.getDoubleValue(1) + "d";
            case "eq":
                return quoted(value) + ".equals(" + field + ")";
            case "in":
                List<String> terms = new ArrayList<>();
                for (Object item : (JSONArray) value) terms.add(quoted(item) + ".equals(" + field + ")");
                return "(" + String.join(" || ", terms) + ")";
            case "prefix":
                return "(" + field + " != null && " + field + ".startsWith(" + quoted(value) + "))";
            case "matches":
                return "(" + field + " != null && " + pattern(condition) + ".matcher(" + field + ").find())";
            default:
                throw new IllegalArgumentException(condition.op());
        }
    }

    /** The same as a dynamic Groovy expression on {@code event}, as a person writes it. */
    static String groovy(Rule rule) {
        List<String> terms = new ArrayList<>();
        terms.add("event.how.app == " + quoted(rule.app()));
        for (Condition condition : rule.conditions()) {
            String field = "event." + condition.path();
            Object value = condition.value();
            switch (condition.op()) {
                case "gt" -> terms.add(field + " > " + value + "d");
                case "between" -> {
                    JSONArray limits = (JSONArray) value;
                    terms.add(field + " >= " + limits.get(0) + "d && " + field + " <= " + limits.get(1) + "d");
                }
                case "eq" -> terms.add(field + " == " + quoted(value));
                case "in" -> {
                    List<String> items = new ArrayList<>();
                    for (Object item : (JSONArray) value) items.add(quoted(item));
                    terms.add(field + " in [" + String.join(", ", items) + "]");
                }
                case "prefix" -> terms.add(field + ".startsWith(" + quoted(value) + ")");
                default -> terms.add("(" + field + " =~ " + quoted(value) + ").find()");
            }
        }
        return String.join(" && ", terms);
    }
}
