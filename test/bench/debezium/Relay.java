// Relay PORT DATABASE BROKERS TOPIC - carries inserts into agenda.events to Kafka by Debezium's embedded
// engine, each batch flushed before it is confirmed, as at-least-once asks for.  Runs until killed.

import io.debezium.engine.ChangeEvent;
import io.debezium.engine.DebeziumEngine;
import io.debezium.engine.format.Json;
import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

public class Relay {
    public static void main(String[] args) throws Exception {
        Properties kafka = new Properties();
        kafka.put("bootstrap.servers", args[2]);
        kafka.put("acks", "all");
        kafka.put("enable.idempotence", "true");
        kafka.put("linger.ms", "1");
        KafkaProducer<String, String> producer =
            new KafkaProducer<>(kafka, new StringSerializer(), new StringSerializer());

        Properties p = new Properties();
        p.put("name", "bench");
        p.put("connector.class", "io.debezium.connector.postgresql.PostgresConnector");
        p.put("offset.storage", "org.apache.kafka.connect.storage.MemoryOffsetBackingStore");
        p.put("offset.flush.interval.ms", "1000");
        p.put("topic.prefix", "bench");
        p.put("database.hostname", "127.0.0.1");
        p.put("database.port", args[0]);
        p.put("database.user", "postgres");
        p.put("database.password", "none");
        p.put("database.dbname", args[1]);
        p.put("plugin.name", "pgoutput");
        p.put("publication.name", "bench");
        p.put("publication.autocreate.mode", "disabled");
        p.put("slot.name", "bench");
        p.put("table.include.list", "agenda.events");
        p.put("snapshot.mode", "never");
        // the defaults (500 ms, 2048, 8192) are for fewer events and less haste
        p.put("poll.interval.ms", "5");
        p.put("max.batch.size", "8192");
        p.put("max.queue.size", "32768");
        p.put("converter.schemas.enable", "false");

        DebeziumEngine<ChangeEvent<String, String>> engine = DebeziumEngine.create(Json.class)
            .using(p)
            .using((success, message, error) -> System.err.println("ended: " + message))
            .notifying((records, committer) -> {
                for (ChangeEvent<String, String> record : records)
                    producer.send(new ProducerRecord<>(args[3], record.key(), record.value()));
                producer.flush();
                for (ChangeEvent<String, String> record : records)
                    committer.markProcessed(record);
                committer.markBatchFinished();
            })
            .build();
        engine.run();
    }
}
