/*
 * ReadAll.java - the second, independent consumer of the tests: Apache Kafka's own client.
 *
 *   java -cp 'lib/*' ReadAll.java BOOTSTRAP TOPIC...
 *
 * Reads every partition of the topics from its beginning to the end it has at the start, and
 * prints one JSON line per record: topic, partition, offset, key, headers, value.  A topic that
 * does not exist is an error.  Started as a source file, so nothing has to be compiled before.
 */
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.StringDeserializer;

public class ReadAll {
    private static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] args) throws Exception {
        Map<String, Object> config = Map.of(
                "bootstrap.servers", args[0],
                "allow.auto.create.topics", false,
                "enable.auto.commit", false);
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);

        try (var consumer = new KafkaConsumer<>(
                config, new StringDeserializer(), new StringDeserializer())) {
            List<TopicPartition> partitions = new ArrayList<>();
            for (int i = 1; i < args.length; i++)
                partitions.addAll(partitionsOf(consumer, args[i]));
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            while (behind(consumer, ends))
                for (var record : consumer.poll(Duration.ofMillis(100)))
                    if (record.offset() < ends.get(partitionOf(record)))
                        out.println(JSON.writeValueAsString(toJson(record)));
        }
        out.flush();
    }

    private static List<TopicPartition> partitionsOf(KafkaConsumer<?, ?> consumer, String topic) {
        List<PartitionInfo> infos = consumer.partitionsFor(topic);
        if (infos == null || infos.isEmpty())
            throw new IllegalArgumentException("no such topic: " + topic);
        return infos.stream().map(info -> new TopicPartition(topic, info.partition())).toList();
    }

    private static TopicPartition partitionOf(ConsumerRecord<?, ?> record) {
        return new TopicPartition(record.topic(), record.partition());
    }

    private static boolean behind(KafkaConsumer<?, ?> consumer, Map<TopicPartition, Long> ends) {
        return ends.entrySet().stream().anyMatch(e -> consumer.position(e.getKey()) < e.getValue());
    }

    private static ObjectNode toJson(ConsumerRecord<String, String> record) {
        ObjectNode node = JSON.createObjectNode();
        node.put("topic", record.topic());
        node.put("partition", record.partition());
        node.put("offset", record.offset());
        node.put("key", record.key());
        ObjectNode headers = node.putObject("headers");
        for (Header header : record.headers())
            headers.put(header.key(), new String(header.value(), StandardCharsets.UTF_8));
        node.put("value", record.value());
        return node;
    }
}
