// SPDX-License-Identifier: Apache-2.0
// Records.java PORT TOPIC - the Java client of Kafka: sends three records, one by one, takes them, and
// commits. Topics are named by their ids alone in most of its requests. Prints ok.

import java.time.Duration;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;

public class Records {
	static Properties properties(String port, String client) {
		Properties p = new Properties();
		p.put("bootstrap.servers", "127.0.0.1:" + port);
		p.put("client.id", client);
		p.put("enable.metrics.push", "false");
		p.put("key.serializer", "org.apache.kafka.common.serialization.StringSerializer");
		p.put("value.serializer", "org.apache.kafka.common.serialization.StringSerializer");
		p.put("key.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
		p.put("value.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
		p.put("group.id", "records");
		p.put("auto.offset.reset", "earliest");
		p.put("enable.auto.commit", "false");
		return p;
	}

	public static void main(String[] args) throws Exception {
		try (var out = new KafkaProducer<String, String>(properties(args[0], "shop"))) {
			for (int i = 0; i < 3; i++) {
				var record = new ProducerRecord<String, String>(args[1], "secret", "secret");
				if (i > 0)
					record.headers().add("traceparent",
						String.format("00-%032x-%016x-01", 0xabc, i).getBytes());
				out.send(record).get();
			}
		}
		int got = 0;
		try (var in = new KafkaConsumer<String, String>(properties(args[0], "bill"))) {
			in.subscribe(List.of(args[1]));
			while (got < 3)
				got += in.poll(Duration.ofSeconds(60)).count();
			in.commitSync();
		}
		System.out.println("ok");
	}
}
