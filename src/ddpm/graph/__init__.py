"""What is made of what: where files lie, the edges between them, and what each depends on."""
