"""The single table: its keys, its items, and every read and write. No other module builds any of them.

==============  ==========================  =====================================================
item            pk                          sk
==============  ==========================  =====================================================
connection      `CONNECTION#<id>`         `CONNECTION`
subscription    `CHANNEL#<channel>`       `SUBSCRIBER#<connection id>`
head            `CHANNEL#<channel>`       `HEAD`
update          `CHANNEL#<channel>`       `UPDATE#<epoch>#<sequence, 16 digits>`
marker          `CHANNEL#<channel>`       `EVENT#<event id>`
==============  ==========================  =====================================================

There is no secondary index: every read is on the base table and strongly consistent.
"""
