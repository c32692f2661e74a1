//! Lists of chunks as bytes. Not here: what a chunk is.

/// Differences between following ids, zigzag and as LEB128: mostly one byte each.
pub fn encode_ids(ids: &[i64]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(ids.len() + 4);
    let mut last = 0i64;
    for id in ids {
        let step = id - last;
        last = *id;
        #[allow(clippy::cast_sign_loss)]
        let mut rest = ((step << 1) ^ (step >> 63)) as u64;
        while rest >= 0x80 {
            bytes.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        bytes.push(rest as u8);
    }
    bytes
}

/// What [`encode_ids`] has written.
pub fn decode_ids(bytes: &[u8]) -> Vec<i64> {
    let mut ids = Vec::new();
    let (mut last, mut value, mut shift) = (0i64, 0u64, 0u32);
    for byte in bytes {
        value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        shift += 7;
        if byte & 0x80 == 0 {
            #[allow(clippy::cast_possible_wrap)]
            let step = (value >> 1) as i64 ^ -((value & 1) as i64);
            last += step;
            ids.push(last);
            (value, shift) = (0, 0);
        }
    }
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_lists_round_trip() {
        for ids in [vec![], vec![1], vec![5, 6, 7, 3, 1_000_000_007, 2], vec![i64::MAX / 4, 1]] {
            assert_eq!(decode_ids(&encode_ids(&ids)), ids);
        }
        assert_eq!(encode_ids(&[1, 2, 3, 4]).len(), 4);
    }
}
