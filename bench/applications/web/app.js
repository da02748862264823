// A small web application for Node without packages: pages from templates, articles and comments in Redis,
// static files from a folder. PORT 8000 of the loopback.
"use strict";
const fs = require("node:fs");
const http = require("node:http");
const net = require("node:net");
const path = require("node:path");

const FOLDER = __dirname;
const TYPES = { ".css": "text/css", ".js": "text/javascript", ".png": "image/png" };
const COMMENTS = 20;
const BODY_MAX = 4096;

// Redis: commands go out at once, answers come in their order.
class Redis {
    constructor(port) {
        this.waiting = [];
        this.buffer = Buffer.alloc(0);
        this.socket = net.connect(port, "127.0.0.1");
        this.socket.on("data", (data) => this.receive(data));
        this.socket.on("error", (error) => { throw error; });
    }

    call(...words) {
        const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
        this.socket.write(`*${words.length}\r\n${parts.join("")}`);
        return new Promise((resolve) => this.waiting.push(resolve));
    }

    receive(data) {
        this.buffer = Buffer.concat([this.buffer, data]);
        let at = 0;
        for (;;) {
            const value = this.parse(at);
            if (value === undefined) {
                break;
            }
            at = value.end;
            this.waiting.shift()(value.value);
        }
        this.buffer = this.buffer.subarray(at);
    }

    // One value from `at`, or undefined where it is not whole yet.
    parse(at) {
        const line = this.buffer.indexOf("\r\n", at);
        if (line < 0) {
            return undefined;
        }
        const text = this.buffer.toString("utf8", at + 1, line);
        const kind = String.fromCharCode(this.buffer[at]);
        if (kind === "$") {
            const end = line + 2 + Number(text);
            if (text === "-1") {
                return { value: null, end: line + 2 };
            }
            return this.buffer.length < end + 2 ? undefined : { value: this.buffer.toString("utf8", line + 2, end), end: end + 2 };
        }
        return kind === "*" ? this.parseList(Number(text), line + 2) : { value: text, end: line + 2 };
    }

    parseList(count, at) {
        const list = [];
        for (let i = 0; i < count; i++) {
            const item = this.parse(at);
            if (item === undefined) {
                return undefined;
            }
            list.push(item.value);
            at = item.end;
        }
        return { value: list, end: at };
    }
}

const escaped = (text) => text.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
const template = (name) => fs.readFileSync(path.join(FOLDER, "templates", name), "utf8");
const fill = (text, values) => text.replace(/\[\[(\w+)\]\]/g, (_, name) => values[name]);
const pages = { home: template("home.html"), article: template("article.html") };
const redis = new Redis(6379);

function sendPage(response, page) {
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" });
    response.end(page);
}

async function home(response) {
    const titles = await redis.call("LRANGE", "titles", "0", "-1");
    const items = titles.map((title, i) => `<li><a href="/article/${i + 1}">${escaped(title)}</a></li>`).join("\n");
    sendPage(response, fill(pages.home, { items }));
}

async function article(response, id) {
    const [title, body] = await redis.call("HMGET", `article:${id}`, "title", "body");
    const comments = await redis.call("LRANGE", `comments:${id}`, "0", "-1");
    const items = comments.map((comment) => `<li>${escaped(comment)}</li>`).join("\n");
    sendPage(response, fill(pages.article, { title: escaped(title), body: escaped(body), items }));
}

async function comment(request, response, id) {
    let body = "";
    for await (const piece of request) {
        body += piece;
        if (body.length > BODY_MAX) {
            response.writeHead(413).end();
            return;
        }
    }
    await redis.call("LPUSH", `comments:${id}`, new URLSearchParams(body).get("text") || "");
    await redis.call("LTRIM", `comments:${id}`, "0", String(COMMENTS - 1));
    response.writeHead(204).end();
}

async function file(response, name) {
    const handle = await fs.promises.open(path.join(FOLDER, "static", path.basename(name)));
    const { size } = await handle.stat();
    response.writeHead(200, { "content-type": TYPES[path.extname(name)] || "application/octet-stream", "content-length": size });
    handle.createReadStream().pipe(response);
}

async function serve(request, response) {
    const [, first, second, third] = request.url.split("/");
    if (first === "") {
        return home(response);
    }
    if (first === "static") {
        return file(response, second);
    }
    return third === "comments" ? comment(request, response, second) : article(response, second);
}

async function fillStore() {
    await redis.call("DEL", "titles");
    for (let i = 1; i <= 20; i++) {
        await redis.call("RPUSH", "titles", `Article ${i}`);
        await redis.call("HSET", `article:${i}`, "title", `Article ${i}`, "body", "What is to be said of it. ".repeat(100));
    }
}

fillStore().then(() => http.createServer((request, response) => {
    serve(request, response).catch((error) => {
        console.error(error);
        response.writeHead(500).end();
    });
}).listen(8000, "127.0.0.1"));
