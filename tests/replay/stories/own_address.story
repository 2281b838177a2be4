# every address of this host, also one added while the program runs
at 0s  ready
at 0s  flow 198.51.100.1:1001-1100 open
expect exempt 198.51.100.1 own address
at 1s  local 198.51.100.2 added
at 2s  flow 198.51.100.2:1001-1031 -> 198.51.100.1:587 open
expect exempt 198.51.100.2 own address
check bans 0
# removed again: an address like any other
at 3s  local 198.51.100.2 removed
at 4s  flow 198.51.100.2:1031 -> 198.51.100.1:587 closed
check source 198.51.100.2 submission concurrent 30 standing normal
at 5s  flow 198.51.100.2:1031 -> 198.51.100.1:587 open
expect add 198.51.100.2 1h submission 31>30 concurrent
expect ban 198.51.100.2 submission 31>30 concurrent
# and back, with the ban still there
at 6s  local 198.51.100.2 added
expect delete 198.51.100.2
expect unban 198.51.100.2 own address
check bans 0
