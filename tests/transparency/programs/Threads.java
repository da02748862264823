// Threads, child processes and a server on the loopback.
import java.io.*;
import java.net.*;
import java.nio.file.*;
import java.util.concurrent.*;

public class Threads {
    static int files(int i) throws Exception {
        int sum = 0;
        for (int n = 0; n < 50; n++) {
            Path path = Paths.get("file-" + i);
            Files.write(path, new byte[i]);
            sum += Files.readAllBytes(path).length;
            Files.delete(path);
        }
        return sum;
    }

    static String child(int i) throws Exception {
        Process process = new ProcessBuilder("sh", "-c", "echo child " + i + "; exit " + i).start();
        String line = new BufferedReader(new InputStreamReader(process.getInputStream())).readLine();
        return line + " " + process.waitFor();
    }

    static String talk(int port, int i) throws Exception {
        try (Socket socket = new Socket("127.0.0.1", port)) {
            socket.getOutputStream().write(("line " + i + "\n").getBytes());
            return new BufferedReader(new InputStreamReader(socket.getInputStream())).readLine();
        }
    }

    static void serve(ServerSocket server, int count) throws Exception {
        for (int i = 0; i < count; i++) {
            try (Socket socket = server.accept()) {
                String line = new BufferedReader(new InputStreamReader(socket.getInputStream())).readLine();
                socket.getOutputStream().write((line + "\n").getBytes());
            }
        }
    }

    public static void main(String[] args) throws Exception {
        final int workers = 8;
        ExecutorService pool = Executors.newFixedThreadPool(workers);
        ServerSocket server = new ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"));
        Future<?> served = Executors.newSingleThreadExecutor(r -> {
            Thread thread = new Thread(r);
            thread.setDaemon(true);
            return thread;
        }).submit(() -> { serve(server, workers); return null; });
        Future<?>[] sums = new Future<?>[workers], children = new Future<?>[workers], lines = new Future<?>[workers];
        for (int n = 0; n < workers; n++) {
            final int i = n;
            sums[i] = pool.submit(() -> files(i));
            children[i] = pool.submit(() -> child(i));
            lines[i] = pool.submit(() -> talk(server.getLocalPort(), i));
        }
        for (int i = 0; i < workers; i++) {
            System.out.println(sums[i].get() + ", " + children[i].get() + ", " + lines[i].get());
        }
        served.get();
        pool.shutdown();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("hook")));
        System.exit(22);
    }
}
