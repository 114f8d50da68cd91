//! A sale at a live server with the code of docs/integrate/rust.md.

use std::{env, time::Duration};

use app::{
    buy, cancel, collect, is_still_here, leave_seat, recover, redeem, signed, standing, take_seat, tiers, upgrade,
    upgrade_cost, widget, Seller,
};
use keysat_licensing_client::{Client, Error};

const OFTEN: Duration = Duration::from_millis(100);

async fn pay(checkout_url: &str) {
    let paid = reqwest::Client::new().post(format!("{checkout_url}/pay")).send().await.unwrap();
    assert!(paid.status().is_success());
}

#[tokio::test]
async fn a_sale_at_a_live_server() {
    let url = env::var("KEYSAT_URL").unwrap();
    let public_key_pem = Client::new(&url).unwrap().fetch_pubkey().await.unwrap();
    let product_id = env::var("KEYSAT_PRODUCT_ID").unwrap();
    let seller = Seller { url, product_id, public_key_pem, ..widget() };
    assert!(tiers(&seller).await.unwrap().contains(&("pro".into(), "Pro".into(), 25_000)));

    let opened = buy(&seller, "pro", "ada@example.com").await.unwrap();
    pay(&opened.checkout_url).await;
    let key = collect(&seller, &opened.invoice_id, OFTEN).await.unwrap().unwrap();
    assert!(signed(&seller, &key).unwrap().has_entitlement("sync"));

    let memory = env::temp_dir().join(format!("flow-{}", std::process::id()));
    let good = standing(&seller, &key, "here", &memory, 1_800_000_000).await.unwrap();
    assert!(good.allows("sync") && !good.is_from_memory && memory.exists());
    assert_eq!(take_seat(&seller, &key, "here").await.unwrap(), "");
    assert!(is_still_here(&seller, &key, "here").await.unwrap());
    assert!(leave_seat(&seller, &key, "here").await.unwrap());
    assert!(!leave_seat(&seller, &key, "here").await.unwrap());

    assert_eq!(upgrade_cost(&seller, &key, "team").await.unwrap(), (35_000, "SAT".into()));
    let (upgrade_id, checkout_url) = upgrade(&seller, &key, "team").await.unwrap();
    pay(&checkout_url).await;
    let new_key = collect(&seller, &upgrade_id, OFTEN).await.unwrap().unwrap();
    assert_eq!(recover(&seller, &opened.invoice_id, "ADA@example.com").await.unwrap(), new_key);
    let gift = redeem(&seller, "GIFT", "ada@example.com").await.unwrap();
    assert!(signed(&seller, &gift).is_ok());

    let another = Seller { product: "gadget".into(), ..seller.clone() };
    let refused = standing(&another, &key, "here", &memory, 1_800_000_000).await.unwrap();
    assert_eq!(refused.reason, "product_mismatch");
    assert!(!memory.exists());

    let trial = buy(&seller, "monthly", "ada@example.com").await.unwrap();
    assert_eq!(trial.checkout_url, "");
    let monthly = collect(&seller, &trial.invoice_id, OFTEN).await.unwrap().unwrap();
    cancel(&seller, &monthly).await.unwrap();
    assert!(matches!(cancel(&seller, &key).await, Err(Error::Server { status: 404, .. })));
}
