// SPDX-License-Identifier: Apache-2.0
// std.rs - a Rust program without crates: std PORT sends a request with a head in one write, one
// whose head write! cuts into several, then one from each of eight threads; prints the answers.
use std::io::{Read, Write};
use std::net::TcpStream;

fn answer(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text.split("\r\n\r\n").nth(1).unwrap_or("none").to_string()
}

fn whole(port: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: rust\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    answer(stream)
}

fn pieces(port: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    write!(stream, "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", path, "rust").unwrap();
    answer(stream)
}

fn main() {
    let port = std::env::args().nth(1).unwrap();
    print!("{}{}", whole(&port, "/whole"), pieces(&port, "/pieces"));
    let threads: Vec<_> = (0..8)
        .map(|i| {
            let port = port.clone();
            std::thread::spawn(move || whole(&port, &format!("/thread/{i}")))
        })
        .collect();
    for thread in threads {
        print!("{}", thread.join().unwrap());
    }
}
