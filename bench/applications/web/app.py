"""A small web application for Flask: pages from templates, articles and comments in SQLite, static files from a folder."""
import os
import sqlite3

from flask import Flask, g, render_template, request

STORE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "articles.db")
COMMENTS = 20
app = Flask(__name__)


def store():
    """The request's connection."""
    if "store" not in g:
        g.store = sqlite3.connect(STORE, timeout=30)
        g.store.execute("PRAGMA synchronous=OFF")
    return g.store


@app.teardown_appcontext
def close(_):
    connection = g.pop("store", None)
    if connection is not None:
        connection.close()


def fill():
    with sqlite3.connect(STORE) as made:
        made.execute("PRAGMA journal_mode=WAL")
        made.execute("CREATE TABLE article (id INTEGER PRIMARY KEY, title TEXT, body TEXT)")
        made.execute("CREATE TABLE comment (id INTEGER PRIMARY KEY, article INTEGER, text TEXT)")
        made.execute("CREATE INDEX comments ON comment (article, id)")
        made.executemany("INSERT INTO article VALUES (?, ?, ?)",
                         [(i, f"Article {i}", "What is to be said of it. " * 100) for i in range(1, 21)])


@app.get("/")
def home():
    return render_template("home.jinja", articles=store().execute("SELECT id, title FROM article").fetchall())


@app.get("/article/<int:number>")
def article(number):
    title, body = store().execute("SELECT title, body FROM article WHERE id = ?", (number,)).fetchone()
    comments = store().execute("SELECT text FROM comment WHERE article = ? ORDER BY id DESC LIMIT ?", (number, COMMENTS))
    return render_template("article.jinja", title=title, body=body, comments=comments.fetchall())


@app.post("/article/<int:number>/comments")
def comment(number):
    with store():
        store().execute("INSERT INTO comment (article, text) VALUES (?, ?)", (number, request.form.get("text", "")))
    return "", 204


if not os.path.exists(STORE):
    fill()
