"""Models behind HTTP: one resident engine for all clients, and the forms in which programs speak to it.

    batching.py     requests of many clients to batches of one size
    service.py      models by name; images and options in, captions and answers out
    entries.py      from bytes of images to what clients get
    app.py          the routes, limits and the token
    ollama.py, openai.py    the forms that other programs speak
    metrics.py      what happened, as Prometheus reads it

Nothing that a client sends is fetched or opened by its name: images come as bytes.
"""
