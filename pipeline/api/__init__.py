"""What `import pairsmith` offers: small doors onto the rooms of the chain, with nothing implemented twice."""
