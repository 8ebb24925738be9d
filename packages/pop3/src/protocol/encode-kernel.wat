;; The inner loop of the message encoder, sixteen bytes at a time (WebAssembly SIMD).
;;
;; Assembled into encode-kernel-bytes.ts by `node test/assemble.mjs`; a test assembles it again and compares.
;;
;; Memory belongs to the caller. Its first bytes are what is said beside the result:
;;   0  i32  where the output ends
;;   4  i32  dots that were added, added to
;;   8  i32  whether the place behind what was taken is a line's start
;; The byte before the input must be the one before it in the message, or no CR at its start. Sixteen bytes behind the input
;; must be readable; what they are does not matter. The output needs room for twice the
;; input and sixteen bytes more.
(module
  (import "encode" "memory" (memory 1))

  ;; Encodes [at, to) into `out`; `start` says whether a line starts at `at`. LF becomes CR LF unless a CR is before it, and a line that starts
  ;; with a dot gets one more. Returns where it stopped: at a line that starts with `>`, which is not for this loop, or `to`.
  (func (export "encode") (param $at i32) (param $to i32) (param $out i32) (param $start i32) (result i32)
    (local $v v128) (local $feeds i32) (local $k i32) (local $first i32)
    (block $done
      (loop $line
        (br_if $done (i32.ge_u (local.get $at) (local.get $to)))
        (if (local.get $start)
          (then
            (local.set $first (i32.load8_u (local.get $at)))
            (br_if $done (i32.eq (local.get $first) (i32.const 62)))
            (if (i32.eq (local.get $first) (i32.const 46))
              (then
                (i32.store8 (local.get $out) (i32.const 46))
                (local.set $out (i32.add (local.get $out) (i32.const 1)))
                (i32.store (i32.const 4) (i32.add (i32.load (i32.const 4)) (i32.const 1)))))
            (local.set $start (i32.const 0))))
        (loop $vector
          (local.set $v (v128.load align=1 (local.get $at)))
          (v128.store align=1 (local.get $out) (local.get $v))
          (local.set $feeds (i8x16.bitmask (i8x16.eq (local.get $v) (i8x16.splat (i32.const 10)))))
          (if (i32.eqz (local.get $feeds))
            (then
              (local.set $at (i32.add (local.get $at) (i32.const 16)))
              (local.set $out (i32.add (local.get $out) (i32.const 16)))
              (br_if $vector (i32.lt_u (local.get $at) (local.get $to)))
              ;; What was copied from behind the input does not count.
              (local.set $out (i32.sub (local.get $out) (i32.sub (local.get $at) (local.get $to))))
              (local.set $at (local.get $to))
              (br $done))))
        (local.set $k (i32.ctz (local.get $feeds)))
        (if (i32.ge_u (local.get $k) (i32.sub (local.get $to) (local.get $at)))
          (then
            (local.set $out (i32.add (local.get $out) (i32.sub (local.get $to) (local.get $at))))
            (local.set $at (local.get $to))
            (br $done)))
        (local.set $out (i32.add (local.get $out) (local.get $k)))
        (if (i32.eq (i32.load8_u (i32.sub (i32.add (local.get $at) (local.get $k)) (i32.const 1))) (i32.const 13))
          (then
            (i32.store8 (local.get $out) (i32.const 10))
            (local.set $out (i32.add (local.get $out) (i32.const 1))))
          (else
            (i32.store16 align=1 (local.get $out) (i32.const 0x0a0d))
            (local.set $out (i32.add (local.get $out) (i32.const 2)))))
        (local.set $at (i32.add (local.get $at) (i32.add (local.get $k) (i32.const 1))))
        (local.set $start (i32.const 1))
        (br $line)))
    (i32.store (i32.const 0) (local.get $out))
    (i32.store (i32.const 8) (local.get $start))
    (local.get $at)))
