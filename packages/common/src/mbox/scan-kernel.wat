;; The inner loops of the mbox scanner, sixteen bytes at a time (WebAssembly SIMD).
;;
;; Assembled into scan-kernel-bytes.ts by `node test/assemble.mjs`; a test assembles it again and compares.
;;
;; Memory belongs to the caller. Its first bytes are what is said beside a function's result:
;;   0  i32  LF met with no CR before, less the `>` that quoted lines lose: what POP3 sends beside the bytes as stored
;;   4  i32  whether all that was met of the line at the end of the stretch is `>`, or nothing
;;   8  i32  marks of a header, added to: 1 a field that mail readers change, perhaps; 2 a byte that is not ASCII
;; The caller sets all three before the first stretch of a message, and the first before each. Two bytes before a
;; stretch and sixteen behind it must be readable; what they are matters only where the text is one with them.
(module
  (import "scan" "memory" (memory 1))

  ;; Whether the bytes [from, p) of the line at p are `>` only. A line that began before `from` is what word 4 says.
  (func $onlyQuotes (param $from i32) (param $p i32) (result i32)
    (loop $back
      (if (i32.le_u (local.get $p) (local.get $from)) (then (return (i32.load (i32.const 4)))))
      (local.set $p (i32.sub (local.get $p) (i32.const 1)))
      (br_if $back (i32.eq (i32.load8_u (local.get $p)) (i32.const 62))))
    (i32.eq (i32.load8_u (local.get $p)) (i32.const 10)))

  ;; Whether "From " is at p, of which "F" is known.
  (func $isFrom (param $p i32) (result i32)
    (i32.eq (i32.load offset=1 (local.get $p)) (i32.const 0x206d6f72)))

  ;; Whether the line that ends at p is empty, or has only a CR.
  (func $isEmpty (param $p i32) (result i32)
    (local $before i32)
    (local.set $before (i32.load16_u align=1 (i32.sub (local.get $p) (i32.const 2))))
    (i32.or
      (i32.eq (i32.shr_u (local.get $before) (i32.const 8)) (i32.const 10))
      (i32.eq (local.get $before) (i32.const 0x0d0a))))

  (func $met (param $octets i32)
    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (local.get $octets))))

  ;; The sum of sixteen counters.
  (func $sum (param $counters v128) (result i32)
    (local $s v128)
    (local.set $s (i32x4.extadd_pairwise_i16x8_u (i16x8.extadd_pairwise_i8x16_u (local.get $counters))))
    (i32.add
      (i32.add (i32x4.extract_lane 0 (local.get $s)) (i32x4.extract_lane 1 (local.get $s)))
      (i32.add (i32x4.extract_lane 2 (local.get $s)) (i32x4.extract_lane 3 (local.get $s)))))

  ;; Where in the sixteen bytes at `at` an `F` is behind `>`.
  (func $quoted (param $at i32) (result i32)
    (i8x16.bitmask (v128.and
      (i8x16.eq (v128.load align=1 (local.get $at)) (i8x16.splat (i32.const 70)))
      (i8x16.eq (v128.load align=1 (i32.sub (local.get $at) (i32.const 1))) (i8x16.splat (i32.const 62))))))

  ;; Whether the line at p may begin a field that mail readers change. Capitals count as small letters.
  (func $mayChange (export "mayChange") (param $p i32) (result i32)
    (local $w i64)
    (local.set $w (i64.or (i64.load align=1 (local.get $p)) (i64.const 0x2020202020202020)))
    (if (i64.eq (local.get $w) (i64.const 0x2d746e65746e6f63)) ;; "content-" and then "length"
      (then (return (i64.eq
        (i64.and
          (i64.or (i64.load offset=8 align=1 (local.get $p)) (i64.const 0x2020202020202020))
          (i64.const 0xffffffffffff))
        (i64.const 0x6874676e656c)))))
    (i32.or
      (i32.or
        (i32.or
          (i64.eq (i64.and (local.get $w) (i64.const 0xffffffffffff)) (i64.const 0x737574617473)) ;; "status"
          (i64.eq (local.get $w) (i64.const 0x7375746174732d78))) ;; "x-status"
        (i32.or
          (i64.eq (local.get $w) (i64.const 0x726f7779656b2d78)) ;; "x-keywor"
          (i64.eq (i64.and (local.get $w) (i64.const 0xffffffffff)) (i64.const 0x73656e696c)))) ;; "lines"
      (i32.or
        (i64.eq (i64.and (local.get $w) (i64.const 0xffffffffff)) (i64.const 0x6469752d78)) ;; "x-uid"
        (i64.eq (i64.and (local.get $w) (i64.const 0xffffffffffff)) (i64.const 0x70616d692d78))))) ;; "x-imap"

  ;; Adds mark 2 when there is a byte that is not ASCII in [at, to).
  (func (export "markBytes") (param $at i32) (param $to i32)
    (loop $next
      (if (i32.ge_u (local.get $at) (local.get $to)) (then (return)))
      (if (i32.ge_u (i32.load8_u (local.get $at)) (i32.const 128))
        (then (i32.store (i32.const 8) (i32.or (i32.load (i32.const 8)) (i32.const 2)))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br $next)))

  ;; Goes through a header from `at`. Returns where its body begins, which is behind the first empty line; 0 when that
  ;; is not met before `to`.
  (func (export "header") (param $at i32) (param $to i32) (result i32)
    (local $from i32) (local $mask i32) (local $feeds i32) (local $left i32) (local $p i32) (local $end i32) (local $k i32)
    (local.set $from (local.get $at))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $to)))
        (local.set $mask (i32.const 0xffff))
        (if (i32.lt_u (i32.sub (local.get $to) (local.get $at)) (i32.const 16))
          (then (local.set $mask
            (i32.sub (i32.shl (i32.const 1) (i32.sub (local.get $to) (local.get $at))) (i32.const 1)))))
        (local.set $feeds (i32.and (local.get $mask)
          (i8x16.bitmask (i8x16.eq (v128.load align=1 (local.get $at)) (i8x16.splat (i32.const 10))))))
        (local.set $left (local.get $feeds))
        (block $lines
          (loop $line
            (br_if $lines (i32.eqz (local.get $left)))
            (local.set $k (i32.ctz (local.get $left)))
            (local.set $left (i32.and (local.get $left) (i32.sub (local.get $left) (i32.const 1))))
            (local.set $p (i32.add (local.get $at) (local.get $k)))
            (if (call $isEmpty (local.get $p))
              (then
                (local.set $end (i32.add (local.get $p) (i32.const 1)))
                (local.set $mask (i32.sub (i32.shl (i32.const 2) (local.get $k)) (i32.const 1)))
                (br $lines)))
            (if (call $mayChange (i32.add (local.get $p) (i32.const 1)))
              (then (i32.store (i32.const 8) (i32.or (i32.load (i32.const 8)) (i32.const 1)))))
            (br $line)))
        ;; An LF behind a CR is sent as it stands.
        (call $met (i32.popcnt (i32.and
          (i32.and (local.get $feeds) (local.get $mask))
          (i32.xor (i32.const -1)
            (i8x16.bitmask
              (i8x16.eq (v128.load align=1 (i32.sub (local.get $at) (i32.const 1))) (i8x16.splat (i32.const 13))))))))
        (if (i32.and (local.get $mask) (i8x16.bitmask (v128.load align=1 (local.get $at))))
          (then (i32.store (i32.const 8) (i32.or (i32.load (i32.const 8)) (i32.const 2)))))
        (local.set $left (i32.and (local.get $mask) (call $quoted (local.get $at))))
        (block $quotes
          (loop $quote
            (br_if $quotes (i32.eqz (local.get $left)))
            (local.set $p (i32.add (local.get $at) (i32.ctz (local.get $left))))
            (local.set $left (i32.and (local.get $left) (i32.sub (local.get $left) (i32.const 1))))
            (if (call $isFrom (local.get $p))
              (then (call $met (i32.sub (i32.const 0) (call $onlyQuotes (local.get $from) (local.get $p))))))
            (br $quote)))
        (br_if $done (local.get $end))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br $next)))
    (i32.store (i32.const 4) (call $onlyQuotes (local.get $from)
      (select (local.get $end) (local.get $to) (local.get $end))))
    (local.get $end))

  ;; Goes through a body from `at`. Returns where "From " is behind an empty line, or behind a line that ends in CR LF, or `to`.
  (func (export "body") (param $at i32) (param $to i32) (result i32)
    (local $from i32) (local $rounds i32) (local $counters v128)
    (local $feeds v128) (local $before v128) (local $hits v128)
    (local $mask i32) (local $left i32) (local $p i32) (local $k i32)
    (local.set $from (local.get $at))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $to)))
        ;; Whole vectors without a hit, as many as counters of one byte can count.
        (local.set $rounds (i32.shr_u (i32.sub (local.get $to) (local.get $at)) (i32.const 4)))
        (if (i32.gt_u (local.get $rounds) (i32.const 255)) (then (local.set $rounds (i32.const 255))))
        (local.set $mask (i32.const 0xffff))
        (if (i32.eqz (local.get $rounds))
          (then (local.set $mask
            (i32.sub (i32.shl (i32.const 1) (i32.sub (local.get $to) (local.get $at))) (i32.const 1)))))
        (local.set $counters (v128.const i64x2 0 0))
        (block $stop
          (loop $vector
            (local.set $before (v128.load align=1 (i32.sub (local.get $at) (i32.const 1))))
            ;; An LF behind a CR is sent as it stands.
            (local.set $feeds (v128.andnot
              (i8x16.eq (v128.load align=1 (local.get $at)) (i8x16.splat (i32.const 10)))
              (i8x16.eq (local.get $before) (i8x16.splat (i32.const 13)))))
            (local.set $hits (v128.and
              (i8x16.eq (v128.load align=1 (local.get $at)) (i8x16.splat (i32.const 70)))
              (v128.or
                (i8x16.eq (local.get $before) (i8x16.splat (i32.const 62)))
                (v128.and
                  (i8x16.eq (local.get $before) (i8x16.splat (i32.const 10)))
                  (v128.or
                    (i8x16.eq (v128.load align=1 (i32.sub (local.get $at) (i32.const 2))) (i8x16.splat (i32.const 10)))
                    (i8x16.eq (v128.load align=1 (i32.sub (local.get $at) (i32.const 2))) (i8x16.splat (i32.const 13))))))))
            (br_if $stop (i32.eqz (local.get $rounds)))
            (br_if $stop (v128.any_true (local.get $hits)))
            (local.set $counters (i8x16.sub (local.get $counters) (local.get $feeds)))
            (local.set $at (i32.add (local.get $at) (i32.const 16)))
            (local.set $rounds (i32.sub (local.get $rounds) (i32.const 1)))
            (br_if $vector (local.get $rounds))
            ;; All rounds are done, and what is at `at` was not looked at.
            (call $met (call $sum (local.get $counters)))
            (br $next)))
        ;; A vector with a hit, or the last bytes.
        (call $met (call $sum (local.get $counters)))
        (local.set $left (i32.and (local.get $mask) (i8x16.bitmask (local.get $hits))))
        (block $judged
          (loop $hit
            (br_if $judged (i32.eqz (local.get $left)))
            (local.set $k (i32.ctz (local.get $left)))
            (local.set $left (i32.and (local.get $left) (i32.sub (local.get $left) (i32.const 1))))
            (local.set $p (i32.add (local.get $at) (local.get $k)))
            (br_if $hit (i32.eqz (call $isFrom (local.get $p))))
            (if (i32.eq (i32.load8_u (i32.sub (local.get $p) (i32.const 1))) (i32.const 62))
              (then
                (call $met (i32.sub (i32.const 0) (call $onlyQuotes (local.get $from) (local.get $p))))
                (br $hit)))
            ;; A message may start here; what is before it is counted.
            (call $met (i32.popcnt (i32.and
              (i8x16.bitmask (local.get $feeds))
              (i32.sub (i32.shl (i32.const 1) (local.get $k)) (i32.const 1)))))
            (i32.store (i32.const 4) (i32.const 1))
            (return (local.get $p))))
        (call $met (i32.popcnt (i32.and (local.get $mask) (i8x16.bitmask (local.get $feeds)))))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br $next)))
    (i32.store (i32.const 4) (call $onlyQuotes (local.get $from) (local.get $to)))
    (local.get $to)))
