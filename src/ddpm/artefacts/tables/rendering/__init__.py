"""A table as it is shown: its content (`view`) set as Markdown, HTML, or plain text."""
