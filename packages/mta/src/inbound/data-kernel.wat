;; The inner loop of the data decoder, sixteen bytes at a time (WebAssembly SIMD).
;;
;; Assembled into data-kernel-bytes.ts by `node test/assemble.mjs`; a test assembles it again and compares.
;;
;; Memory belongs to the caller, but for its first four bytes. The byte before the input is what stands before it in the message;
;; seventeen bytes behind it must be readable and neither LF nor dot.
(module
  (import "data" "memory" (memory 1))

  ;; Goes through [at, to) to the first LF that is no plain end of a line, because no CR is before it or a dot is behind it.
  ;; Returns its place, or `to`; word 0 says how many plain ends of lines were passed.
  (func (export "plain") (param $at i32) (param $to i32) (result i32)
    (local $feeds i32) (local $odd i32) (local $lines i32)
    (block $done
      (loop $vector
        (br_if $done (i32.ge_u (local.get $at) (local.get $to)))
        (local.set $feeds
          (i8x16.bitmask (i8x16.eq (v128.load align=1 (local.get $at)) (i8x16.splat (i32.const 10)))))
        (if (local.get $feeds)
          (then
            (local.set $odd
              (i32.and
                (local.get $feeds)
                (i32.or
                  (i32.xor
                    (i8x16.bitmask
                      (i8x16.eq
                        (v128.load align=1 (i32.sub (local.get $at) (i32.const 1)))
                        (i8x16.splat (i32.const 13))))
                    (i32.const 0xffff))
                  (i8x16.bitmask
                    (i8x16.eq
                      (v128.load offset=1 align=1 (local.get $at))
                      (i8x16.splat (i32.const 46)))))))
            (if (local.get $odd)
              (then
                (local.set $odd (i32.ctz (local.get $odd)))
                (local.set $lines
                  (i32.add
                    (local.get $lines)
                    (i32.popcnt
                      (i32.and
                        (local.get $feeds)
                        (i32.sub (i32.shl (i32.const 1) (local.get $odd)) (i32.const 1))))))
                (i32.store (i32.const 0) (local.get $lines))
                (return (i32.add (local.get $at) (local.get $odd)))))
            (local.set $lines (i32.add (local.get $lines) (i32.popcnt (local.get $feeds))))))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br $vector)))
    (i32.store (i32.const 0) (local.get $lines))
    (local.get $to)))
