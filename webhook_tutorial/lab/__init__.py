"""The bench around the learner's code: it imports the ground, and never what a product could use."""
