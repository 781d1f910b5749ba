// SPDX-License-Identifier: Apache-2.0
// Threads.java - a Java program that sends requests by each API of Java, from 200 threads at once.
//
//	java Threads PORT HTTPS      HTTP/1.1 servers of 127.0.0.1; prints their answers
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.security.cert.X509Certificate;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;

public class Threads {
	static String http, https;

	static String url(String at, byte[] body) throws Exception {
		var conn = (HttpURLConnection) URI.create(at).toURL().openConnection();
		if (body != null) {
			conn.setDoOutput(true);
			try (OutputStream out = conn.getOutputStream()) {
				out.write(body);
			}
		}
		try (var in = conn.getInputStream()) {
			return new String(in.readAllBytes());
		}
	}

	static String client(HttpClient client, String at, byte[] body) throws Exception {
		var request = HttpRequest.newBuilder(URI.create(at));
		if (body != null)
			request.POST(HttpRequest.BodyPublishers.ofByteArray(body));
		return client.send(request.build(), BodyHandlers.ofString()).body();
	}

	static void trustAll() throws Exception {
		SSLContext context = SSLContext.getInstance("TLS");
		context.init(null, new TrustManager[] {new X509TrustManager() {
			public void checkClientTrusted(X509Certificate[] chain, String type) {}
			public void checkServerTrusted(X509Certificate[] chain, String type) {}
			public X509Certificate[] getAcceptedIssuers() {
				return new X509Certificate[0];
			}
		}}, null);
		HttpsURLConnection.setDefaultSSLSocketFactory(context.getSocketFactory());
		HttpsURLConnection.setDefaultHostnameVerifier((host, session) -> true);
	}

	// The JVM meets these by a handler of SIGSEGV.
	static int nulls() {
		int n = 0;
		for (int i = 0; i < 200000; i++) {
			String s = i % 100 == 0 ? null : "x";
			try {
				n += s.length();
			} catch (NullPointerException e) {
				n += 2;
			}
		}
		return n;
	}

	static int crowd() throws Exception {
		AtomicInteger right = new AtomicInteger();
		var pool = Executors.newFixedThreadPool(200);
		for (int i = 0; i < 200; i++) {
			String path = "/crowd" + i;
			pool.submit(() -> {
				if (url(http + path, null).equals("hello " + path + "\n"))
					right.incrementAndGet();
				return null;
			});
		}
		pool.shutdown();
		pool.awaitTermination(60, java.util.concurrent.TimeUnit.SECONDS);
		return right.get();
	}

	public static void main(String[] args) throws Exception {
		http = "http://127.0.0.1:" + args[0];
		https = "https://127.0.0.1:" + args[1];
		byte[] body = "x".repeat(100000).getBytes();
		HttpClient client =
			HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
		trustAll();
		System.out.print(url(http + "/url", null) + url(http + "/url2", null));
		System.out.print(url(http + "/post", body));
		System.out.print(client(client, http + "/client", null));
		System.out.print(client(client, http + "/client2", null));
		System.out.print(client(client, http + "/clientpost", body));
		System.out.print(url(https + "/tls", null) + url(https + "/tls2", body));
		System.out.println("nulls " + nulls());
		System.out.println("right " + crowd());
		System.exit(0);
	}
}
