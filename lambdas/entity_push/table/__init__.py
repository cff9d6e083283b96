"""The single table: its keys, its items, and every read and write. No other package builds any of them.

==============  ==========================  =====================================================
item            pk                          sk
==============  ==========================  =====================================================
connection      `CONNECTION#<id>`         `CONNECTION`
subscription    `CHANNEL#<channel>`       `SUBSCRIBER#<connection id>`
head            `CHANNEL#<channel>`       `HEAD`
update          `CHANNEL#<channel>`       `UPDATE#<epoch>#<sequence, 16 digits>`
marker          `CHANNEL#<channel>`       `EVENT#<event id>`
expiration      `EXPIRES#<minute>`        `CONNECTION#<connection id>`
==============  ==========================  =====================================================

The base table is the only index. Every read is strongly consistent, except that of expirations: the expire
function reads each of them again in its next runs.
"""
