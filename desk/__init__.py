"""What does a person see and type?

The command line and its pictures: plan, board, show, statistics. It asks `flows` and draws the answer; it decides
nothing and sends nothing.
"""
