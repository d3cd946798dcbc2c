"""What must survive a kill. A product could use this: of ours it imports the ground, signing and delivery."""
