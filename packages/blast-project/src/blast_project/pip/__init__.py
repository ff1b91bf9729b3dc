"""What the pip interface needs: places to install to, what they hold, and how they are changed."""
