"""The page of the service, made with gradio and mounted in the same application.

    uploads.py    a private folder with what browsers send, which is emptied within minutes
    gate.py       in front of gradio: the few addresses the page needs, and checked bodies
    events.py     from what people choose to the HTML that they see, through the service
    html.py       that HTML; all text is escaped
    blocks.py     the components, and which event calls what

Gradio fetches addresses and reads paths that clients name where it is not stopped. Here it never sees any: the gate
refuses them.
"""
