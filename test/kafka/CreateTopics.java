/*
 * CreateTopics.java - creates topics for the tests.
 *
 *   java -cp 'lib/*' CreateTopics.java BOOTSTRAP NAME:PARTITIONS[:PROPERTY=VALUE...]...
 */
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;

public class CreateTopics {
    public static void main(String[] args) throws Exception {
        List<NewTopic> topics = new ArrayList<>();

        for (int i = 1; i < args.length; i++)
            topics.add(parse(args[i].split(":")));
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", args[0]))) {
            admin.createTopics(topics).all().get();
        }
    }

    private static NewTopic parse(String[] part) {
        Map<String, String> properties = new HashMap<>();

        for (int i = 2; i < part.length; i++) {
            String[] property = part[i].split("=", 2);
            properties.put(property[0], property[1]);
        }
        return new NewTopic(part[0], Integer.parseInt(part[1]), (short) 1).configs(properties);
    }
}
