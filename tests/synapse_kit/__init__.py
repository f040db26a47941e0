"""Drive a real Synapse homeserver: configure it, run it, fill it, change it, check it.

The kit answers one question: after a homeserver's database was moved, does the server still know everything
it knew, and does it go on from there? It keeps its knowledge of a server in one JSON file, the *expectations*:

    populate  makes users, rooms and messages through the client and admin APIs, and writes expectations;
    mutate    makes the changes that a second pass of a migration must carry, and updates them;
    check     asks a server for every one of them, prints TAP, and fails if one does not hold.

The others (config, prepare, start, stop, snapshot) are what is needed around that. Every homeserver has a folder
(media store, log, pid file) and a configuration; all configurations share the signing key and all secrets, so a
server on PostgreSQL accepts the tokens that a server on SQLite gave out. They listen on 127.0.0.1 only, federate
with nobody and limit no rates. Never use one for real. Python 3.11 or later, standard library only.

    PYTHONPATH=tests python3 -m synapse_kit COMMAND ...
"""
