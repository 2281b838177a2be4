# new allow files lift bans; observe is switched on and off
at 0s  ready
at 0s  flow 192.0.2.9:1001-1031 -> 198.51.100.1:587 open
expect add 192.0.2.9 1h submission 31>30 concurrent
expect ban 192.0.2.9 submission 31>30 concurrent
allow 192.0.2.0/24
at 1s  reload
expect delete 192.0.2.9
expect unban 192.0.2.9 allow list
expect exempt 192.0.2.9 allow list
set mode observe
disallow 192.0.2.0/24
at 2s  reload
expect observe 192.0.2.9 submission 31>30 concurrent
set mode enforce
at 3s  reload
expect add 192.0.2.9 1h submission 31>30 concurrent
expect ban 192.0.2.9 submission 31>30 concurrent
