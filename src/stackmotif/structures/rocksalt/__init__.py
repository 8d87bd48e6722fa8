"""Rock salt, coherent layers of it, and the denser phases between it and layered oxides."""
