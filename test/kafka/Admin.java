/*
 * Admin.java - what an administrator does to a broker in the tests.
 *
 *   java -cp 'lib/*' Admin.java BOOTSTRAP create NAME:PARTITIONS[:PROPERTY=VALUE...]...
 *   java -cp 'lib/*' Admin.java BOOTSTRAP delete NAME...
 *   java -cp 'lib/*' Admin.java BOOTSTRAP deny TOPIC PRINCIPAL
 *   java -cp 'lib/*' Admin.java BOOTSTRAP permit TOPIC
 */
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AccessControlEntryFilter;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

public class Admin {
    public static void main(String[] args) throws Exception {
        List<String> names = Arrays.asList(args).subList(2, args.length);

        try (AdminClient admin = AdminClient.create(Map.of("bootstrap.servers", args[0]))) {
            switch (args[1]) {
                case "create" -> admin.createTopics(parse(names)).all().get();
                case "delete" -> admin.deleteTopics(names).all().get();
                case "deny" -> admin.createAcls(List.of(denial(names.get(0), names.get(1)))).all().get();
                case "permit" -> admin.deleteAcls(List.of(allOf(names.get(0)))).all().get();
                default -> throw new IllegalArgumentException(args[1]);
            }
        }
    }

    private static List<NewTopic> parse(List<String> topics) {
        List<NewTopic> result = new ArrayList<>();

        for (String topic : topics) {
            String[] part = topic.split(":");
            Map<String, String> properties = new HashMap<>();

            for (int i = 2; i < part.length; i++) {
                String[] property = part[i].split("=", 2);
                properties.put(property[0], property[1]);
            }
            result.add(new NewTopic(part[0], Integer.parseInt(part[1]), (short) 1).configs(properties));
        }
        return result;
    }

    private static AclBinding denial(String topic, String principal) {
        return new AclBinding(new ResourcePattern(ResourceType.TOPIC, topic, PatternType.LITERAL),
            new AccessControlEntry(principal, "*", AclOperation.WRITE, AclPermissionType.DENY));
    }

    private static AclBindingFilter allOf(String topic) {
        return new AclBindingFilter(
            new ResourcePattern(ResourceType.TOPIC, topic, PatternType.LITERAL).toFilter(), AccessControlEntryFilter.ANY);
    }
}
