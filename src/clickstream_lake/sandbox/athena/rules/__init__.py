"""How engines read files, one module for each set of rules, named after the engine.

A later engine gets a module of its own beside these; what it shares with an older one it imports.
"""
