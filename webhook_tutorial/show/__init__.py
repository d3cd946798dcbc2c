"""How traffic and simulations are shown: pictures, diagrams and panels."""
