"""What the lessons play with, made of the lab and of what a product could use."""
