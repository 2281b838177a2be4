# nineteen in any hour, for a day: nobody is banned; lines of long ago do not count at all
set mail_logs.enabled on
set submission.new off
at 0s      ready
at 0s      flow 192.0.2.9:1001 -> 198.51.100.1:587 open
at 0s      mail auth-failure 192.0.2.9:0 count 75178 old
expect result untracked
at 0s      mail auth-failure 192.0.2.9:1001 count 10
at 60m     mail auth-failure 192.0.2.9:1001 count 19
at 120m    mail auth-failure 192.0.2.9:1001 count 19
at 180m    mail auth-failure 192.0.2.9:1001 count 19
check auth 192.0.2.9 failures_in_window 19 failures 67
check mail old 75178 tracked 67 untracked 0
check bans 0
