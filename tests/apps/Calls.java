// SPDX-License-Identifier: Apache-2.0
// Calls.java - a Java service that asks another one by four APIs (accuracy tests).
//
//	java Calls.java PORT BACK      BACK is http://host:port
//
//	GET /url?id=N      HttpURLConnection: the handler's thread writes and reads
//	GET /client?id=N   HttpClient, synchronous: threads of the client may write and read
//	GET /async?id=N    HttpClient, two requests at once, joined by the handler
//	GET /pooled?id=N   a pool of 8 threads asks, and the handler waits for it
//
// With VIRTUAL=1 each handler runs on a virtual thread (JDK 21 and later).
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

public class Calls {
	interface Ask {
		void ask(String id) throws Exception;
	}

	static final HttpClient client =
		HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
	static final ExecutorService pool = Executors.newFixedThreadPool(8);
	static String back;

	static URI price(String id) {
		return URI.create(back + "/price?id=" + id);
	}

	static HttpRequest request(String id) {
		return HttpRequest.newBuilder(price(id)).build();
	}

	static void url(String id) throws IOException {
		HttpURLConnection conn = (HttpURLConnection) price(id).toURL().openConnection();
		try (InputStream body = conn.getInputStream()) {
			body.readAllBytes();
		}
	}

	static void pooled(String id) throws Exception {
		pool.submit(() -> {
			url(id);
			return null;
		}).get();
	}

	// By reflection, so that a JDK without virtual threads compiles this file, too.
	static ExecutorService threads() throws ReflectiveOperationException {
		if (System.getenv("VIRTUAL") == null)
			return Executors.newCachedThreadPool();
		return (ExecutorService) Executors.class
			.getMethod("newVirtualThreadPerTaskExecutor").invoke(null);
	}

	static void answer(HttpExchange exchange, Ask how) throws IOException {
		byte[] text = "ok\n".getBytes();
		try {
			how.ask(exchange.getRequestURI().getQuery().replace("id=", ""));
			exchange.sendResponseHeaders(200, text.length);
		} catch (Exception e) {
			e.printStackTrace();
			exchange.sendResponseHeaders(502, text.length);
		}
		exchange.getResponseBody().write(text);
		exchange.close();
	}

	static void handle(HttpServer server, String path, Ask how) {
		server.createContext(path, exchange -> answer(exchange, how));
	}

	public static void main(String[] args) throws Exception {
		back = args[1];
		HttpServer server = HttpServer.create(
			new InetSocketAddress("127.0.0.1", Integer.parseInt(args[0])), 128);
		handle(server, "/url", Calls::url);
		handle(server, "/client", id -> client.send(request(id), BodyHandlers.ofString()));
		handle(server, "/async", id -> {
			var one = client.sendAsync(request(id), BodyHandlers.ofString());
			var two = client.sendAsync(request(id), BodyHandlers.ofString());
			one.get();
			two.get();
		});
		handle(server, "/pooled", Calls::pooled);
		server.setExecutor(threads());
		server.start();
	}
}
