//! Drawing QR codes (ISO/IEC 18004) as PNG and SVG: black on white for any colours
//! of the page, with the quiet zone that scanners need around it.

mod mask;

use std::fmt::Write as _;

use crate::{Error, Result};

/// The width of the white frame in modules, as the standard requires.
const QUIET_ZONE: usize = 4;
/// The most pixels of one module: 40 makes over 2,000 pixels of a ticket.
pub const MAX_MODULE_PIXELS: u8 = 40;

/// A QR symbol, without the white frame around it.
#[derive(Debug)]
pub struct Qr {
    /// Bit x of row y is set if the module there is dark.
    rows: Vec<u128>,
}

impl Qr {
    /// The symbol of a text at error correction level M, in the smallest version that holds it and
    /// under the mask that the standard chooses.
    ///
    /// # Errors
    /// If the text is longer than 1,451 characters; a ticket's has some 200.
    pub fn new(text: &str) -> Result<Self> {
        Ok(Self { rows: mask::symbol(text).map_err(|error| Error::internal(error.to_string()))? })
    }

    /// The number of modules on one side, frame included.
    pub fn side(&self) -> usize {
        self.rows.len() + 2 * QUIET_ZONE
    }

    /// The pixels per module with which a picture is nearest to `side` pixels
    /// wide without being wider; at least one.
    pub fn module_pixels(&self, side: u16) -> u8 {
        let pixels = usize::from(side) / self.side();
        u8::try_from(pixels).unwrap_or(MAX_MODULE_PIXELS).clamp(1, MAX_MODULE_PIXELS)
    }

    /// A PNG file with one bit per pixel: about 1 KB for a ticket.
    pub fn png(&self, module_pixels: u8) -> Result<Vec<u8>> {
        let scale = usize::from(module_pixels.clamp(1, MAX_MODULE_PIXELS));
        let side = self.side() * scale;
        let row_bytes = side.div_ceil(8);
        let mut pixels = Vec::with_capacity(row_bytes * side);
        let mut row = vec![0_u8; row_bytes];
        for y in 0..self.side() {
            row.fill(0xff);
            for x in (0..self.side()).filter(|x| self.is_dark(*x, y)) {
                for pixel in x * scale..(x + 1) * scale {
                    row[pixel / 8] &= !(0x80 >> (pixel % 8));
                }
            }
            // All pixel rows of a module row are the same.
            (0..scale).for_each(|_| pixels.extend_from_slice(&row));
        }
        let mut file = Vec::new();
        let size = u32::try_from(side).map_err(Error::internal)?;
        let mut encoder = png::Encoder::new(&mut file, size, size);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::One);
        encoder.set_compression(png::Compression::Fast);
        // Most rows equal the one above, and this filter makes zeros of them: a small file at
        // little cost.
        encoder.set_filter(png::Filter::Up);
        let mut writer = encoder.write_header().map_err(Error::internal)?;
        writer.write_image_data(&pixels).map_err(Error::internal)?;
        writer.finish().map_err(Error::internal)?;
        Ok(file)
    }

    /// An SVG file; it scales to the size that the page gives it.
    pub fn svg(&self) -> String {
        let side = self.side();
        let mut path = String::new();
        for y in 0..side {
            let mut x = 0;
            while x < side {
                let run = (x..side).take_while(|x| self.is_dark(*x, y)).count();
                if run > 0 {
                    // Writing to a string does not fail.
                    let _ = write!(path, "M{x} {y}h{run}v1h-{run}z");
                }
                x += run + 1;
            }
        }
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" \
             shape-rendering=\"crispEdges\" role=\"img\"><title>QR</title>\
             <path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/><path d=\"{path}\"/></svg>"
        )
    }

    /// Whether the module at `x`, `y` is black, counted with the frame.
    fn is_dark(&self, x: usize, y: usize) -> bool {
        let inside = QUIET_ZONE..QUIET_ZONE + self.rows.len();
        inside.contains(&x) && inside.contains(&y) && self.rows[y - QUIET_ZONE] >> (x - QUIET_ZONE) & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use uuid::Uuid;

    use super::*;
    use crate::ticket::{AreaTag, TicketCode, sign};
    use crate::{AreaId, EventId, TicketId};

    fn ticket(seat: Option<&str>) -> String {
        let code = TicketCode {
            event: EventId::from_uuid(Uuid::from_u128(u128::MAX)),
            ticket: TicketId::from_uuid(Uuid::from_u128(u128::MAX / 3)),
            serial: u16::MAX,
            area: AreaTag::of(AreaId::from_uuid(Uuid::from_u128(u128::MAX / 5))),
            seat: seat.map(|seat| seat.parse().expect("a seat")),
        };
        sign(&code, &SigningKey::from_bytes(&[9; 32]))
    }

    /// Reads a PNG with code that shares nothing with ours.
    fn decode(png: &[u8]) -> String {
        let picture = image::load_from_memory(png).expect("a PNG").to_luma8();
        let mut prepared = rqrr::PreparedImage::prepare(picture);
        let grids = prepared.detect_grids();
        assert_eq!(grids.len(), 1, "one code in the picture");
        grids[0].decode().expect("readable").1
    }

    #[test]
    fn an_independent_decoder_reads_the_picture() {
        for seat in [None, Some("A-12"), Some("ÑÑÑÑÑÑÑÑ-9999")] {
            let text = ticket(seat);
            let qr = Qr::new(&text).expect("fits");
            for module_pixels in [3, 8] {
                let png = qr.png(module_pixels).expect("drawn");
                assert_eq!(decode(&png), text);
                assert!(png.len() < 2500, "{} bytes", png.len());
            }
        }
    }

    #[test]
    fn a_ticket_is_a_version_7_symbol_and_never_larger_than_version_8() {
        let side = |seat| Qr::new(&ticket(seat)).expect("fits").side() - 2 * QUIET_ZONE;
        // A symbol of version v has 17 + 4 v modules on each side.
        assert_eq!(side(None), 45);
        assert_eq!(side(Some("AA-120")), 45);
        assert_eq!(side(Some("ÑÑÑÑÑÑÑÑ-9999")), 49);
    }

    #[test]
    fn the_size_is_kept_and_bounded() {
        let qr = Qr::new("TQ1:SMALL").expect("fits");
        assert_eq!(qr.side(), 29);
        assert_eq!((qr.module_pixels(0), qr.module_pixels(290), qr.module_pixels(u16::MAX)), (1, 10, 40));
        let picture = image::load_from_memory(&qr.png(10).expect("drawn")).expect("a PNG");
        assert_eq!((picture.width(), picture.height()), (290, 290));
    }

    #[test]
    fn the_svg_has_the_same_modules() {
        let qr = Qr::new("TQ1:SMALL").expect("fits");
        let svg = qr.svg();
        let runs = svg.split("v1h-").skip(1).filter_map(|rest| rest.split('z').next());
        let dark: usize = runs.map(|run| run.parse::<usize>().expect("a length")).sum();
        assert_eq!(dark, qr.rows.iter().map(|row| row.count_ones() as usize).sum::<usize>());
        assert!(svg.contains("viewBox=\"0 0 29 29\""));
    }
}
