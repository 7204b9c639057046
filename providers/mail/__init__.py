"""How is it said to a provider by e-mail, and how is its answer read?

Outgoing: `adapter` composes a signed message with the letter and a machine-readable copy, and hands it to the
unit's own mail server. Incoming: `inbound` reads the bytes of any message into a value without ever failing on
them; `mailbox` fetches and files messages over IMAP. What comes in is hostile: nothing in it is opened, followed
or believed.
"""
