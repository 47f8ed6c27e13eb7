"""The tournament of pseudo positions: sets, their fills on paper, their stages.

Pure calculation, shared by the running engine, the back-test and the replay; only storage.py and
live_book.py know the database.
"""
