"""One box per server: who is inside sees their own home and three addresses, nothing else of the machine."""
