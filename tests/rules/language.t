# Quoting, escapes, precedence, odd but valid spellings.

scene
  proc pid=1 name=init exe=init
  proc pid=10 parent=1 name="a b" exe=x args="it's \"quoted\" back\\slash tab\tend"
  event close exit @tid=10 res=0 fd=3

true proc.name = "a b"
true proc.name = 'a b'
false proc.name = "a  b"
true proc.name in ("a b")
true proc.name in ('a b', c)
true proc.args contains "it's"
true proc.args contains 'it\'s'
true proc.args contains '"quoted"'
true proc.args contains "\"quoted\""
true proc.args contains "back\\slash"
true proc.args contains back\slash
true proc.name contains " "
true proc.name contains "a" and proc.name contains 'b'
true (proc.name = "a b")
true ((proc.pid=10))
true proc.pid=10 and proc.pid!=11
true proc.pid<11 and proc.pid>9 and proc.pid<=10 and proc.pid>=10
true not(proc.pid=11)
true not proc.pid=11 and proc.pid=10
true proc.pid=11 or(proc.pid=10)
true proc.pid=11 or proc.pid=12 or proc.pid=10
false proc.pid=10 and proc.pid=11 or proc.pid=12
true proc.pid=11 and proc.pid=12 or proc.pid=10
true proc.pid in (9,10,11)
true proc.pid in ( 9 , 10 )
true proc.pid = +10
true proc.pid < 1000000000000
true proc.name glob 'a?b'
true proc.name glob 'a*'
true proc.name glob 'a[ ]b'
true proc.name glob "a\\ b"
true proc.name glob '[!x] b'
true proc.name glob '[[:alpha:]] b'
error proc.name = 'a => expected
error proc.name => expected a valid check operator
error proc.name foo bar => expected
error and proc.name = a => expected
error proc.pid < abc => expected
