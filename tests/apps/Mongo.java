// SPDX-License-Identifier: Apache-2.0
// Mongo.java PORT - mongo-java-server, which tests/backends/get-mongo.sh fetches.

import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;

public class Mongo {
	public static void main(String[] args) {
		new MongoServer(new MemoryBackend()).bind("127.0.0.1", Integer.parseInt(args[0]));
	}
}
